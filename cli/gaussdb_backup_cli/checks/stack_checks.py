"""Whether the last deployment ended well, and whether it is of this version."""

import gaussdb_backup
from gaussdb_backup_cli.checks.resources import Subject
from gaussdb_backup_cli.checks.results import Outcome, Result

COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"})
NOT_EXECUTED = "REVIEW_IN_PROGRESS"
"""The state of a stack whose first change set was not executed."""


def check_state(subject: Subject) -> Result:
    """Whether the last deployment ended well."""
    name, status, actions = subject.stack.name, subject.stack.status, subject.actions
    if status in COMPLETE:
        return Result("stack", Outcome.OK, status)
    if status == NOT_EXECUTED:
        action = "deploy it, and confirm the changes"
        return Result("stack", Outcome.FAILED, f"{status}: its changes were not deployed", action)
    if status.endswith("_IN_PROGRESS"):
        return Result("stack", Outcome.NEEDS_YOU, status, f"wait for its end, then: {actions.ours('doctor')}")
    action = actions.aws(f"cloudformation describe-stack-events --stack-name {name} --max-items 20")
    return Result("stack", Outcome.FAILED, f"{status}: the last deployment failed", f"its reason: {action}")


def check_version(subject: Subject) -> Result:
    """Whether stack and command line are of one version: another may lack outputs, or fields of an answer."""
    ours, theirs = gaussdb_backup.__version__, subject.stack.version
    if theirs == ours:
        return Result("version", Outcome.OK, ours)
    detail = f"the stack is of {theirs or 'an older version'}, this command line of {ours}"
    return Result("version", Outcome.NEEDS_YOU, detail, f"{subject.actions.deploy()}, or install the other one")
