"""Whether the secret is there, and the API accepts its credentials.

The secret is not read: the function that needs it is invoked with the schedule's own plan as a dry run, which lists
instances and makes no backup. It is invoked once: a call that was refused is never followed by a second one, since
some refusals lock an access key.
"""

import json
import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gaussdb_backup_cli.checks.resources import DISPATCH_FUNCTION, Subject
from gaussdb_backup_cli.checks.results import Outcome, Result

RUNBOOK = "docs/operations.md"
RUNBOOK_SECTIONS = {
    "InvalidConnection": "Connection unusable",
    "CredentialsRefused": "Connection unusable",
    "PermissionDenied": "Connection unusable",
}
"""The section of the runbook about an error of the function, by its type."""
OTHER_ERRORS = "Dispatch backups errors"
MAX_SKEW, MUCH_SKEW = timedelta(minutes=15), timedelta(minutes=5)
"""Beyond the first the API refuses signatures; beyond the second a person should know."""


def make_dry_run(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan of a schedule as a dry run, which needs no time."""
    return {key: value for key, value in payload.items() if key != "scheduled_time"} | {"dry_run": True}


def check_secret(subject: Subject, connection: str) -> Result:
    """Whether the secret of a connection exists. Its value is not read."""
    name, client = f"{subject.stack.parameters['SecretPrefix']}{connection}", subject.client("secretsmanager")
    try:
        found = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        options = f"--name {shlex.quote(name)} --secret-string file://secret.json"
        action = subject.actions.aws(f"secretsmanager create-secret {options}")
        return Result("secret", Outcome.NEEDS_YOU, f"there is no secret {name}", action)
    if found.get("DeletedDate"):
        action = subject.actions.aws(f"secretsmanager restore-secret --secret-id {shlex.quote(name)}")
        return Result("secret", Outcome.NEEDS_YOU, f"{name} will be deleted", action)
    return Result("secret", Outcome.OK, name)


def check_dry_run(subject: Subject, plan: Mapping[str, Any]) -> list[Result]:
    """Whether the function can read the secret, the API accepts its credentials, and the plan selects instances.

    A function that ran a moment ago may have the secret of then: it reads it again after five minutes, or once the
    credentials are refused.
    """
    function = subject.resources.function(str(subject.resources.id_of(DISPATCH_FUNCTION)))
    response = subject.client("lambda").invoke(FunctionName=function, Payload=json.dumps(plan).encode())
    result = json.loads(response["Payload"].read() or b"null")
    if not isinstance(result, Mapping) or "FunctionError" in response:
        return [_describe_error(result if isinstance(result, Mapping) else {})]
    return [_describe_selection(subject, result), *_check_api(subject, result.get("api"))]


def _describe_error(error: Mapping[str, Any]) -> Result:
    kind, text = error.get("errorType", "Error"), error.get("errorMessage", "no message")
    section = RUNBOOK_SECTIONS.get(kind, OTHER_ERRORS)
    return Result("dry run", Outcome.FAILED, f"{kind}: {text}", f"{RUNBOOK}, section {section}")


def _describe_selection(subject: Subject, result: Mapping[str, Any]) -> Result:
    queued, skipped, rejected = (result.get(action, []) for action in ("queued", "skipped", "rejected"))
    selected = len(queued) + len(skipped) + len(rejected)
    detail = (
        f"the secret is readable and its credentials work; instances selected: {selected} "
        f"({len(queued)} to back up, {len(skipped)} skipped, {len(rejected)} rejected)"
    )
    if rejected:
        reasons = "; ".join(f"{each['instance_id']}: {each['reason']}" for each in rejected[:3])
        action = "correct the plan: docs/reference/settings.md"
        return Result("dry run", Outcome.NEEDS_YOU, f"{detail}: {reasons}", action)
    if not queued:
        action = "correct the criteria of the plan (InstanceIds, InstanceNamePattern, InstanceTags), then: "
        return Result("dry run", Outcome.NEEDS_YOU, detail, action + subject.actions.ours("doctor"))
    return Result("dry run", Outcome.OK, detail)


def _check_api(subject: Subject, api: Mapping[str, Any] | None) -> list[Result]:
    """Which path answered, how fast, and whether the clock of the function is that of the API."""
    if api is None:
        detail = "the stack is of a version that does not report it"
        return [Result("clock against the API", Outcome.NOT_CHECKED, detail, subject.actions.deploy())]
    answer = Result("API", Outcome.OK, f"{api['path']} answered in {api['milliseconds']:,} ms")
    if api["clock_skew_seconds"] is None:
        return [answer, Result("clock against the API", Outcome.OK, "its responses have no time")]
    skew = timedelta(seconds=api["clock_skew_seconds"])
    detail = f"it is {abs(skew.total_seconds()):,g} s {'behind' if skew < timedelta(0) else 'ahead'}"
    detail += f" (limit {MAX_SKEW // timedelta(minutes=1)} min)"
    if abs(skew) < MUCH_SKEW:
        return [answer, Result("clock against the API", Outcome.OK, detail)]
    action = "report it to the provider: beyond the limit it refuses every signature"
    return [answer, Result("clock against the API", Outcome.NEEDS_YOU, detail, action)]
