"""Check that there are a region and credentials before a command that needs them: `python -m tools.check_aws`.

Understands `--region` and `--profile` of `sam deploy`, and what samconfig.toml has for them.
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

SAMCONFIG = Path("samconfig.toml")
NO_REGION = "no AWS region is set. Set AWS_DEFAULT_REGION, such as: export AWS_DEFAULT_REGION=eu-central-1"
NO_CREDENTIALS = (
    "no AWS credentials were found. Log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)


def find_problem(arguments: Sequence[str], saved: Mapping[str, Any]) -> str | None:
    """Return what is missing and how to set it, or `None`. `saved` are the parameters of samconfig.toml."""
    try:
        session = open_session(arguments, saved)
        if session.region_name is None:
            return NO_REGION
        return None if session.get_credentials() else NO_CREDENTIALS
    except BotoCoreError as error:
        return f"the AWS configuration cannot be used: {error}"


def open_session(arguments: Sequence[str], saved: Mapping[str, Any]) -> boto3.Session:
    """Return the session of `--region` and `--profile`, or else of what samconfig.toml has for them.

    Raises `BotoCoreError` where the AWS configuration cannot be used.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--region", default=saved.get("region"))
    parser.add_argument("--profile", default=saved.get("profile"))
    given, _ = parser.parse_known_args(arguments)
    return boto3.Session(profile_name=given.profile, region_name=given.region)


def read_saved(path: Path) -> Mapping[str, Any]:
    """Return the parameters of `sam deploy` in a samconfig.toml, those for all commands included."""
    sections = tomllib.loads(path.read_text()).get("default", {}) if path.exists() else {}
    return {**sections.get("global", {}).get("parameters", {}), **sections.get("deploy", {}).get("parameters", {})}


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    if problem := find_problem(arguments, read_saved(SAMCONFIG)):
        print(f"aws: {problem}", file=sys.stderr)  # noqa: T201 - for the person who typed the command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
