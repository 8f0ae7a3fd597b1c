"""Check whether a deployed stack works: `make doctor STACK=gaussdb-backup`; `make deploy` ends with it.

It changes nothing. Exit codes: 0 all is well; 1 something failed, or could not be checked at all; 2 usage; 3 the stack
works as far as it can, but something needs you. After a deployment 3 counts as success: a first one has a disabled
schedule, and perhaps no secret yet.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.check_aws import SAMCONFIG, find_problem, open_session, read_saved
from tools.check_results import Commands, Outcome, Result
from tools.deployed_stack import DISPATCH_FUNCTION, read_stack
from tools.stack_checks import COMPLETE, Client, check_stack

WELL, FAILED, NEEDS_YOU = 0, 1, 3
INVOCATION = Config(read_timeout=200, retries={"total_max_attempts": 1})
"""Longer than the functions' timeout. One attempt: a dry run that is repeated is another call with the credentials."""


def exit_code(results: Sequence[Result]) -> int:
    """Return the exit code of all checks together."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAILED in outcomes:
        return FAILED
    return WELL if outcomes <= {Outcome.OK} else NEEDS_YOU


def render(result: Result) -> str:
    """Return one result as text: how it ended, what was found, and what to do."""
    line = f"  {result.outcome:<11}  {result.name}: {result.detail}"
    return f"{line}\n{'':15}→ {result.action}" if result.action else line


def render_summary(results: Sequence[Result]) -> str:
    """Return how many checks ended in which outcome, those that are not well."""
    counts: Counter[Outcome] = Counter(result.outcome for result in results if result.outcome is not Outcome.OK)
    parts = [f"{outcome}: {counts[outcome]}" for outcome in Outcome if counts[outcome]]
    return f"{', '.join(parts)} (of {len(results)} checks)" if parts else f"All {len(results)} checks are well."


def parse_arguments(arguments: Sequence[str], stack: str | None) -> argparse.Namespace:
    """Parse the arguments; after a deployment others are those of `sam deploy`."""
    parser = argparse.ArgumentParser(prog="doctor", description="Check a deployed stack.", allow_abbrev=False)
    parser.add_argument("--stack-name", default=stack)
    parser.add_argument("--region")
    parser.add_argument("--profile")
    parser.add_argument("--after-deploy", action="store_true", help="3 counts as success")
    given, others = parser.parse_known_args(arguments)
    if others and not given.after_deploy:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if not given.stack_name:
        parser.error("name the stack: --stack-name gaussdb-backup")
    return given


def make_client(session: boto3.Session) -> Client:
    """Return what makes the clients of the checks."""
    return lambda service: session.client(service, config=INVOCATION if service == "lambda" else None)  # type: ignore[call-overload]  # any service


def show(line: str) -> None:
    """Print at once: a dry run may take minutes."""
    print(line, flush=True)  # noqa: T201 - for the person who typed the command


def main(arguments: Sequence[str], *, client: Client | None = None, show: Callable[[str], None] = show) -> int:
    """Check a stack and show the results; return the exit code. What makes that impossible is one line."""
    saved = read_saved(SAMCONFIG)
    given = parse_arguments(arguments, saved.get("stack_name"))
    if problem := find_problem(arguments, saved):
        sys.exit(f"doctor: {problem}")
    session = open_session(arguments, saved)
    client = client or make_client(session)
    try:
        stack = read_stack(client("cloudformation"), given.stack_name)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"doctor: {error}: check the stack's name, the region and your permissions.")
    if stack.id_of(DISPATCH_FUNCTION) is None and stack.status in COMPLETE:
        sys.exit(f"doctor: {stack.name} is no stack of this application: check its name.")
    options = [(f"--{name}", getattr(given, name)) for name in ("region", "profile")]
    text = "".join(f" {option} {shlex.quote(value)}" for option, value in options if value)
    commands = Commands(stack.name, is_default=stack.name == saved.get("stack_name"), options=text)
    show(f"Stack {stack.name} in {session.region_name}")
    results = []
    for result in check_stack(stack, client, commands):
        results.append(result)
        show(render(result))
    show(render_summary(results))
    code = exit_code(results)
    return WELL if given.after_deploy and code == NEEDS_YOU else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
