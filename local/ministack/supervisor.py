"""Runs a program until the one that started it ends, however it ends: `python supervisor.py PROGRAM …`.

Its standard input is a pipe that nobody writes to. The pipe is closed with the process that holds its other end, and
then the program is killed with all that it has started. Standard library only: it is run as a file.
"""

import os
import signal
import subprocess
import sys
from threading import Thread


def main(command: list[str]) -> int:
    """Run the command in this process group, which is killed at the end of the input; return its exit code."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - of whoever starts this
    Thread(target=_kill_at_the_end_of_input, daemon=True).start()
    return process.wait()


def _kill_at_the_end_of_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
