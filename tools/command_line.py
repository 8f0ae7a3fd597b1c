"""Run the command line for make, with what samconfig.toml has for `sam deploy`: `python -m tools.command_line doctor`.

Understands `--stack-name`, `--region` and `--profile` of `sam deploy`. After a deployment the other arguments are those
of `sam deploy` too, and are left away.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gaussdb_backup_cli.main import main as run
from tools.check_aws import SAMCONFIG, read_saved

AFTER_DEPLOY = "--after-deploy"


def make_arguments(arguments: Sequence[str], saved: Mapping[str, Any]) -> list[str]:
    """Return the arguments of the command line. `saved` are the parameters of samconfig.toml."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--stack-name", "--stack", default=saved.get("stack_name"))
    parser.add_argument("--region", default=saved.get("region"))
    parser.add_argument("--profile", default=saved.get("profile"))
    command, *rest = arguments
    given, others = parser.parse_known_args(rest)
    options = {"--stack": given.stack_name, "--region": given.region, "--profile": given.profile}
    shared = [part for name, value in options.items() if value for part in (name, value)]
    return [command, *shared, *([AFTER_DEPLOY] if AFTER_DEPLOY in rest else others)]


if __name__ == "__main__":
    run(make_arguments(sys.argv[1:], read_saved(SAMCONFIG)), prog_name="gaussdb-backup")
