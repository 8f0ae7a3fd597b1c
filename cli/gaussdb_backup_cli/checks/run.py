"""All checks of a stack, one after the other. What AWS refuses is a result as well, so that the others go on."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.aws import is_denied
from gaussdb_backup_cli.checks.connection_checks import check_dry_run, check_secret, make_dry_run
from gaussdb_backup_cli.checks.function_checks import (
    check_concurrency,
    check_event_source_mappings,
    check_functions,
)
from gaussdb_backup_cli.checks.notice_checks import check_alarms, check_notifications
from gaussdb_backup_cli.checks.queue_checks import check_dead_letter_queues, check_queues
from gaussdb_backup_cli.checks.resources import DISPATCH_FUNCTION, SCHEDULE, Subject
from gaussdb_backup_cli.checks.results import Outcome, Result
from gaussdb_backup_cli.checks.schedule_checks import check_schedules
from gaussdb_backup_cli.checks.stack_checks import check_state, check_version
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.schedules import DeployedSchedule, list_schedules

GONE = ("NotFound", "NonExistentQueue", "QueueDoesNotExist")
"""Parts of the codes with which services refuse what they do not have."""
ITS_PLAN = "the plan of the stack's own schedule"


def check_stack(subject: Subject) -> Iterator[Result]:
    """Check all of a stack. Of one without functions, since it was not created or is deleted, only the state."""
    yield check_state(subject)
    if subject.resources.id_of(DISPATCH_FUNCTION) is None:
        return
    yield check_version(subject)
    yield from _run("functions", check_functions, subject)
    yield from _run("event source mappings", check_event_source_mappings, subject)
    yield from _run("concurrency", check_concurrency, subject)
    schedules = _read_schedules(subject)
    if isinstance(schedules, Result):
        yield schedules
        yield Result("dry run", Outcome.NOT_CHECKED, f"it needs {ITS_PLAN}")
    else:
        yield from _check_connection(subject, schedules)
        yield from check_schedules(subject, schedules)
    yield from _run("notifications", check_notifications, subject)
    yield from _run("queues", check_queues, subject)
    yield from _run("dead-letter queues", check_dead_letter_queues, subject)
    yield from _run("alarms", check_alarms, subject)


def _check_connection(subject: Subject, schedules: Sequence[DeployedSchedule]) -> Iterator[Result]:
    own = next((each for each in schedules if each.name == subject.resources.id_of(SCHEDULE)), None)
    if own is None:
        detail, action = f"{ITS_PLAN} is gone", "delete and deploy the stack"
        yield Result("dry run", Outcome.FAILED, detail, action)
        return
    if not own.payload:
        detail = f"the input of {own.name} is no JSON object, or an empty one"
        yield Result("dry run", Outcome.FAILED, detail, subject.actions.deploy())
        return
    [secret] = _run("secret", check_secret, subject, str(own.payload.get("connection", "default")))
    yield secret
    if secret.outcome is Outcome.NEEDS_YOU:
        action = f"then: {subject.actions.ours('doctor')}"
        yield Result("dry run", Outcome.NOT_CHECKED, "it needs the secret", action)
    else:
        yield from _run("dry run", check_dry_run, subject, make_dry_run(own.payload))


def _read_schedules(subject: Subject) -> Sequence[DeployedSchedule] | Result:
    try:
        return list_schedules(subject.stack)
    except (BotoCoreError, ClientError, CommandFailed) as error:
        return _explain("schedule", error)


def _run[**P](
    name: str, check: Callable[P, Result | Iterable[Result]], *args: P.args, **kwargs: P.kwargs
) -> Iterable[Result]:
    """Run one check; an error of AWS is its result."""
    try:
        found = check(*args, **kwargs)
    except (BotoCoreError, ClientError, CommandFailed) as error:
        return [_explain(name, error)]
    return [found] if isinstance(found, Result) else list(found)


def _explain(name: str, error: BotoCoreError | ClientError | CommandFailed) -> Result:
    if isinstance(error, CommandFailed):
        return Result(name, Outcome.NOT_CHECKED, error.message, error.hint)
    if not isinstance(error, ClientError):
        return Result(name, Outcome.NOT_CHECKED, str(error), "run it again")
    if is_denied(error):
        return Result(name, Outcome.NOT_CHECKED, str(error), "get this permission, then run it again")
    code = str(error.response["Error"]["Code"])
    if any(part in code for part in GONE):
        detail = f"the stack has it, but it is gone: {error}"
        return Result(name, Outcome.FAILED, detail, "delete and deploy the stack")
    return Result(name, Outcome.NOT_CHECKED, str(error), "run it again")
