"""The command `python -m local.stack`."""

import argparse
import signal
import socket
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from local.writable import NotWritable, ensure_writable

LOG = Path(".cache/stack/functions.log")
HOST, GAUSSDB_PORT, AWS_PORT = "127.0.0.1", 8001, 8002
ENDED, NOT_RUN = 0, 2

DESCRIPTION = f"""\
Run the whole application on this machine, for the command line's option --local: the GaussDB API and the AWS services
are emulated, the functions are the real ones, and their queues are delivered in the background. The fleet and its
history are the demo's. Nothing is scheduled, and nothing is left at the end but what the functions logged: {LOG}.
"""


def main() -> int:
    """Serve until SIGTERM, SIGINT or the end of the time; return the exit code."""
    given = _parse_arguments()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        ensure_writable(LOG)
        for port in (given.gaussdb_port, given.aws_port):
            _ensure_free(port)
    except (NotWritable, PortTaken) as error:
        print(f"local-stack: {error}", file=sys.stderr)
        return NOT_RUN
    _serve(given, stop)
    return ENDED


class PortTaken(Exception):
    """Another program listens on a port."""


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make local-stack", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gaussdb-port", type=int, default=GAUSSDB_PORT, help="port of the GaussDB API; 0: a free one")
    parser.add_argument("--aws-port", type=int, default=AWS_PORT, help="port of AWS; 0: a free one")
    parser.add_argument("--hours", type=float, default=12, help="time after which it ends by itself (default: 12)")
    return parser.parse_args()


def _ensure_free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} is taken: end what listens there, or choose others with --gaussdb-port and --aws-port"
            ) from error


def _serve(given: argparse.Namespace, stop: Event) -> None:
    # Both clouds take a second to import, which --help and a port that is taken need not wait for.
    from local.demo import scenario  # noqa: PLC0415 - see above

    from .running import Listen, serve  # noqa: PLC0415 - see above

    listen = Listen(given.gaussdb_port, given.aws_port, HOST)
    with (
        LOG.open("w", encoding="utf-8", buffering=1) as log,
        serve(
            scenario.make_interactive_cloud(datetime.now(UTC)),
            scenario.KEY,
            parameters=scenario.STACK_PARAMETERS | scenario.NOTIFIED,
            settings=scenario.INTERACTIVE_SETTINGS,
            output=log,
            listen=listen,
        ) as running,
    ):
        print(_introduce(running.gaussdb_url, running.endpoint), flush=True)
        with running.in_background():
            stop.wait(given.hours * 3600)
    print("local-stack: ended")


def _introduce(gaussdb: str, aws: str) -> str:
    prefix = "" if aws == f"http://{HOST}:{AWS_PORT}" else f"GAUSSDB_BACKUP_LOCAL_ENDPOINT={aws} "
    lines = [
        f"GaussDB API {gaussdb}, AWS {aws}, log records of the functions in {LOG}. In another terminal:",
        "",
        *(f'  {prefix}make cli ARGS="--local {command}"' for command in ("status", "doctor", "--help")),
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
