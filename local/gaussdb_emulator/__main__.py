"""Run the emulator: `python -m local.gaussdb_emulator --port 8080 --control --fleet fleet.json`."""

import argparse
import signal
from pathlib import Path
from threading import Event

from .fleet import Fleet, example_fleet, read_fleet
from .server import serve
from .state import Cloud


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.gaussdb_emulator", description="An emulated GaussDB(for MySQL) API."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 (default) selects a free one")
    parser.add_argument("--control", action="store_true", help="also serve /_control")
    parser.add_argument("--fleet", type=Path, help="JSON file with projects, keys, instances (default: an example)")
    return parser.parse_args()


def _read_fleet(path: Path | None) -> Fleet:
    return example_fleet() if path is None else read_fleet(path.read_bytes())


def main() -> None:
    """Serve until SIGTERM or SIGINT; the first line printed is the URL."""
    arguments = _read_arguments()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with serve(Cloud(_read_fleet(arguments.fleet)), arguments.port, control=arguments.control) as running:
        print(running.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
