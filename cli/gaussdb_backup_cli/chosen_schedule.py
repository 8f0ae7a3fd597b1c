"""The audit or the prune that a command makes by hand: that of a plan, or the stack's own."""

from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, choose_schedule, list_schedules
from gaussdb_backup_cli.stack import Stack


def find_audit(stack: Stack, plan: str | None) -> DeployedSchedule:
    """Return the audit schedule of a plan; without one the stack's own.

    Raises `CommandFailed` and what boto3 raises.
    """
    name = plan if plan is not None else stack.output("AuditScheduleName")
    return _with_payload(choose_schedule(list_schedules(stack), name, Kind.AUDIT), stack)


def find_prune(stack: Stack, plan: str | None) -> DeployedSchedule:
    """Return the prune schedule of a plan; without one the stack's own, or else the only one.

    Raises as `find_audit` does. The stack has one of its own where `RetentionRules` are given.
    """
    schedules = list_schedules(stack)
    if plan is not None:
        return _with_payload(choose_schedule(schedules, plan, Kind.PRUNE), stack)
    prunes = [each for each in schedules if each.kind is Kind.PRUNE]
    chosen = [each for each in prunes if each.name == f"{stack.name}-prune"] or prunes
    if not chosen:
        raise CommandFailed(
            "no_prune_schedule",
            f"the stack {stack.name} has no prune schedule: nothing is ever deleted",
            "give the parameter RetentionRules (docs/deploying.md), or `keep` in a file with plans",
        )
    if len(chosen) > 1:
        plans = ", ".join(each.plan for each in chosen)
        raise CommandFailed(
            "ambiguous_plan", "the stack has several prune schedules", f"name one: {plans}", exit_code=Exit.USAGE
        )
    return _with_payload(chosen[0], stack)


def _with_payload(schedule: DeployedSchedule, stack: Stack) -> DeployedSchedule:
    """Return a schedule that has a payload: an empty one would be an audit, or a prune, of everything."""
    if schedule.payload:
        return schedule
    raise CommandFailed(
        "no_payload",
        f"the input of the schedule {schedule.name} is no JSON object, or an empty one",
        f"deploy the stack, or apply its file with plans again: make deploy STACK={stack.name}",
    )
