"""Run both clouds side by side, as one container's only program: `python -m local`.

`sam local invoke` runs a function in a container, which cannot reach the loopback interface of this machine (SAM takes
no host network). So the stand-ins run in a container of their own beside it, on a network of Docker's that both share;
`known_as` is their name there. What they print first is the `--env-vars` file for `sam local invoke`.
"""

import argparse
import json
import signal
from threading import Event

from local import aws_emulator, gaussdb_emulator

GAUSSDB_PORT, AWS_PORT = 8001, 8002
INSTANCES = ("d8e6ca5a624745bcb546a227aa3ae1cfin07", "9b2d1f0e6c7a4d3f8e5b4a3c2d1e0f9ain07")
"""The instances of the sample events."""
KEY = gaussdb_emulator.AccessKey(access_key="LOCALACCESSKEY", secret_key="local-secret-key")  # noqa: S106 - invented


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    parser.add_argument("--known-as", default="127.0.0.1", help="name by which the functions reach it")
    arguments = parser.parse_args()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    cloud = gaussdb_emulator.Cloud(
        gaussdb_emulator.Fleet(
            projects=(gaussdb_emulator.Project(),),
            access_keys=(KEY,),
            instances=tuple(gaussdb_emulator.Instance(id=id_, name=f"sample-{id_[:8]}") for id_ in INSTANCES),
        )
    )
    with (
        gaussdb_emulator.serve(cloud, GAUSSDB_PORT, control=True, host=arguments.host),
        aws_emulator.start(host=arguments.host, port=AWS_PORT, known_as=arguments.known_as) as stand_in,
    ):
        stand_in.put_secret("gaussdb-backup/default", json.dumps(_secret(arguments.known_as)))
        print(json.dumps({"Parameters": _variables(stand_in)}), flush=True)
        stop.wait()


def _secret(host: str) -> dict[str, str]:
    endpoint = f"http://{host}:{GAUSSDB_PORT}"
    return {
        "endpoint": endpoint,
        "project_id": KEY.project_id,
        "access_key": KEY.access_key,
        "secret_key": KEY.secret_key,
    }


def _variables(stand_in: aws_emulator.LocalAws) -> dict[str, str]:
    shared = stand_in.stack.environment("CreateBackupFunction", ALLOW_HTTP_ENDPOINT="true")
    return shared | stand_in.environment


if __name__ == "__main__":
    main()
