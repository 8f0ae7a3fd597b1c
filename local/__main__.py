"""Run both emulators, as one container's only program: `python -m local`.

`sam local invoke` runs a function in a container, which cannot reach the loopback interface of this machine. So the
emulators run in a container of their own beside it, on a Docker network that both share; `--known-as` is their name
there. The first line that is printed is the `--env-vars` file for `sam local invoke`.
"""

import argparse
import json
import signal
from threading import Event

from local.aws_emulator import LocalAws
from local.gaussdb_emulator import Cloud
from local.sample_fleet import FLEET, KEY
from local.stack import Listen, serve

GAUSSDB_PORT, AWS_PORT = 8001, 8002


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    parser.add_argument("--known-as", default="127.0.0.1", help="name by which the functions reach it")
    arguments = parser.parse_args()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listen = Listen(GAUSSDB_PORT, AWS_PORT, arguments.host, arguments.known_as)
    with serve(Cloud(FLEET), KEY, listen=listen, control=True) as running:
        print(json.dumps({"Parameters": sam_local_variables(running.aws)}), flush=True)
        stop.wait()


def sam_local_variables(aws: LocalAws) -> dict[str, str]:
    """Return the variables of every function: SAM passes on to each those that the template declares for it."""
    variables: dict[str, str] = {}
    for name, resource in aws.stack.template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            variables |= aws.stack.environment(name, ALLOW_HTTP_ENDPOINT="true")
    return variables | aws.environment


if __name__ == "__main__":
    main()
