"""The checks of a deployed stack: each is a function that returns a result, and none prints.

They read what the AWS services report, with the permissions of the person who runs them. The secret is not read: the
function that needs it is invoked with the schedule's own plan as a dry run, which lists instances and makes no backup.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.check_results import Commands, Outcome, Result
from tools.deployed_stack import (
    ALIAS,
    AUDIT_SCHEDULE,
    DISPATCH_FUNCTION,
    SCHEDULE,
    SCHEDULE_GROUP,
    TOPIC,
    DeployedStack,
)

COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"})
NOT_EXECUTED = "REVIEW_IN_PROGRESS"
"""The state of a stack whose first change set was not executed."""
DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")
GONE = ("NotFound", "NonExistentQueue", "QueueDoesNotExist")
"""Parts of the codes with which services refuse a caller, and of those for what they do not have."""
RUNBOOK = "docs/operations.md"
RUNBOOK_SECTIONS = {
    "InvalidConnection": "Connection unusable",
    "CredentialsRefused": "Connection unusable",
    "PermissionDenied": "Connection unusable",
}
"""The section of the runbook about an error of the function, by its type."""
OTHER_ERRORS = "Dispatch backups errors"

type Client = Callable[[str], Any]
"""Returns the boto3 client of a service."""


def check_stack(stack: DeployedStack, client: Client, commands: Commands) -> Iterator[Result]:
    """Check all of a stack, one result after the other. What AWS refuses is a result as well.

    Of a stack without functions, since it was not created or is deleted, only the state is checked.
    """
    yield check_state(stack, commands)
    if stack.id_of(DISPATCH_FUNCTION) is None:
        return
    yield _run("functions", check_functions, stack, client("lambda"), commands)
    yield _run("event source mappings", check_event_source_mappings, stack, client("lambda"), commands)
    schedule = _run("schedule", read_schedule, stack, client("scheduler"), SCHEDULE)
    if isinstance(schedule, Result):
        yield schedule
        yield Result("dry run", Outcome.NOT_CHECKED, "it needs the plan of the schedule")
    else:
        yield from _check_connection(stack, schedule, client, commands)
        yield _run("schedule", check_schedule, schedule, client("scheduler"), commands)
    if stack.id_of(AUDIT_SCHEDULE):
        yield _run("audit", check_audit, stack, client("scheduler"), commands)
    yield _run("notifications", check_notifications, stack, client("sns"), commands)
    yield _run("dead-letter queues", check_dead_letter_queues, stack, client("sqs"), commands)
    yield _run("alarms", check_alarms, stack, client("cloudwatch"))


def _check_connection(
    stack: DeployedStack, schedule: Mapping[str, Any], client: Client, commands: Commands
) -> Iterator[Result]:
    plan = dry_run_plan(schedule)
    if plan is None:
        action = commands.make("deploy")
        yield Result("dry run", Outcome.FAILED, f"the input of {schedule['Name']} is no JSON object", action)
        return
    connection = str(plan.get("connection", "default"))
    secret = _run("secret", check_secret, stack, client("secretsmanager"), connection, commands)
    yield secret
    if secret.outcome is Outcome.NEEDS_YOU:
        yield Result("dry run", Outcome.NOT_CHECKED, "it needs the secret", f"then: {commands.make('doctor')}")
    else:
        yield _run("dry run", check_dry_run, stack, client("lambda"), plan, commands)


def _run[**P, T](name: str, check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Result:
    """Run one check; an error of AWS is its result, so that the others go on."""
    try:
        return check(*args, **kwargs)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if any(part in code for part in DENIED):
            return Result(name, Outcome.NOT_CHECKED, str(error), "get this permission, then run it again")
        if any(part in code for part in GONE):
            return Result(
                name, Outcome.FAILED, f"the stack has it, but it is gone: {error}", "delete and deploy the stack"
            )
        return Result(name, Outcome.NOT_CHECKED, str(error), "run it again")
    except BotoCoreError as error:
        return Result(name, Outcome.NOT_CHECKED, str(error), "run it again")


def check_state(stack: DeployedStack, commands: Commands) -> Result:
    """Whether the last deployment ended well."""
    if stack.status in COMPLETE:
        return Result("stack", Outcome.OK, stack.status)
    if stack.status == NOT_EXECUTED:
        action = "deploy it, and confirm the changes"
        return Result("stack", Outcome.FAILED, f"{stack.status}: its changes were not deployed", action)
    if stack.status.endswith("_IN_PROGRESS"):
        return Result("stack", Outcome.NEEDS_YOU, stack.status, f"wait for its end, then: {commands.make('doctor')}")
    action = commands.aws(f"cloudformation describe-stack-events --stack-name {stack.name} --max-items 20")
    return Result("stack", Outcome.FAILED, f"{stack.status}: the last deployment failed", f"its reason: {action}")


def check_functions(stack: DeployedStack, client: Any, commands: Commands) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether each function can be invoked: by its alias, where it has one."""
    names = [stack.function(name) for name in stack.of_type("AWS::Lambda::Function").values()]
    states = [client.get_function_configuration(FunctionName=name) for name in names]
    if failed := [each for each in states if "Failed" in (each.get("State"), each.get("LastUpdateStatus"))]:
        reasons = [each.get("StateReason") or each.get("LastUpdateStatusReason", "no reason") for each in failed]
        detail = "; ".join(f"{each['FunctionName']}: {why}" for each, why in zip(failed, reasons, strict=True))
        return Result("functions", Outcome.FAILED, detail, "remove the reason, then deploy again")
    if pending := [each["FunctionName"] for each in states if each.get("State") == "Pending"]:
        action = f"wait a minute, then: {commands.make('doctor')}"
        return Result("functions", Outcome.NEEDS_YOU, f"not yet active: {', '.join(pending)}", action)
    by_alias = sum(name.endswith(f":{ALIAS}") for name in names)
    return Result("functions", Outcome.OK, f"{len(names)} active, {by_alias} of them by the alias {ALIAS}")


def check_event_source_mappings(stack: DeployedStack, client: Any, commands: Commands) -> Result:  # noqa: ANN401 - as above
    """Whether Lambda polls each queue."""
    name, ids = "event source mappings", stack.of_type("AWS::Lambda::EventSourceMapping").values()
    states = {uuid: client.get_event_source_mapping(UUID=uuid)["State"] for uuid in ids}
    if disabled := [uuid for uuid, state in states.items() if state in ("Disabled", "Disabling")]:
        action = commands.aws(f"lambda update-event-source-mapping --enabled --uuid {disabled[0]}")
        return Result(name, Outcome.FAILED, f"{len(disabled)} of {len(ids)} are disabled", f"for each: {action}")
    if changing := sorted({state for state in states.values() if state != "Enabled"}):
        action = f"wait a minute, then: {commands.make('doctor')}"
        return Result(name, Outcome.NEEDS_YOU, f"not yet enabled: {', '.join(changing)}", action)
    return Result(name, Outcome.OK, f"{len(ids)} enabled")


def read_schedule(stack: DeployedStack, client: Any, logical_id: str) -> Mapping[str, Any]:  # noqa: ANN401 - a boto3 client
    """Return one of the stack's own schedules as it is deployed. Raises what boto3 raises."""
    group, name = stack.id_of(SCHEDULE_GROUP), stack.id_of(logical_id)
    schedule: Mapping[str, Any] = client.get_schedule(GroupName=group, Name=name)
    return schedule


def dry_run_plan(schedule: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the plan of a schedule as a dry run, which needs no time; `None` where its input is none."""
    try:
        plan = json.loads(schedule["Target"].get("Input", ""))
    except ValueError:
        return None
    if not isinstance(plan, dict):
        return None
    return {key: value for key, value in plan.items() if key != "scheduled_time"} | {"dry_run": True}


def check_secret(stack: DeployedStack, client: Any, connection: str, commands: Commands) -> Result:  # noqa: ANN401 - as above
    """Whether the secret of a connection exists. Its value is not read."""
    name = f"{stack.parameters['SecretPrefix']}{connection}"
    try:
        found = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        options = f"--name {shlex.quote(name)} --secret-string file://secret.json"
        action = commands.aws(f"secretsmanager create-secret {options}")
        return Result("secret", Outcome.NEEDS_YOU, f"there is no secret {name}", action)
    if found.get("DeletedDate"):
        action = commands.aws(f"secretsmanager restore-secret --secret-id {shlex.quote(name)}")
        return Result("secret", Outcome.NEEDS_YOU, f"{name} will be deleted", action)
    return Result("secret", Outcome.OK, name)


def check_dry_run(stack: DeployedStack, client: Any, plan: Mapping[str, Any], commands: Commands) -> Result:  # noqa: ANN401 - as above
    """Whether the function can read the secret, the API accepts its credentials, and the plan selects instances.

    A function that ran a moment ago may have the secret of then: it reads it again after five minutes, or once the
    credentials are refused.
    """
    function = stack.function(str(stack.id_of(DISPATCH_FUNCTION)))
    response = client.invoke(FunctionName=function, Payload=json.dumps(plan).encode())
    result = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" in response:
        kind, text = result.get("errorType", "Error"), result.get("errorMessage", "no message")
        section = RUNBOOK_SECTIONS.get(kind, OTHER_ERRORS)
        return Result("dry run", Outcome.FAILED, f"{kind}: {text}", f"{RUNBOOK}, section {section}")
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
        return Result("dry run", Outcome.NEEDS_YOU, detail, action + commands.make("doctor"))
    return Result("dry run", Outcome.OK, detail)


def check_schedule(schedule: Mapping[str, Any], client: Any, commands: Commands) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether the stack's own schedule is enabled, or else another one of its group that sends plans too."""
    detail, target = _describe_schedule(schedule), schedule["Target"]["Arn"]
    if schedule["State"] == "ENABLED":
        return Result("schedule", Outcome.OK, detail)
    pages = client.get_paginator("list_schedules").paginate(GroupName=schedule["GroupName"], State="ENABLED")
    enabled = [each for page in pages for each in page["Schedules"]]
    if others := [each["Name"] for each in enabled if each["Target"]["Arn"] == target]:
        return Result("schedule", Outcome.OK, f"disabled: {detail}; enabled: {', '.join(sorted(others))}")
    action = f"once the dry run is as you want it: {commands.deploy('ScheduleState=ENABLED')}"
    return Result("schedule", Outcome.NEEDS_YOU, f"disabled: {detail}", action)


def check_audit(stack: DeployedStack, client: Any, commands: Commands) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether somebody is going to find out that an instance has no recent good backup."""
    schedule = read_schedule(stack, client, AUDIT_SCHEDULE)
    if schedule["State"] == "ENABLED":
        return Result("audit", Outcome.OK, _describe_schedule(schedule))
    action = commands.deploy("AuditState=ENABLED")
    return Result("audit", Outcome.NEEDS_YOU, f"disabled: {_describe_schedule(schedule)}", action)


def _describe_schedule(schedule: Mapping[str, Any]) -> str:
    zone = schedule.get("ScheduleExpressionTimezone", "UTC")
    return f"{schedule['Name']}: {schedule['ScheduleExpression']} in {zone}"


def check_notifications(stack: DeployedStack, client: Any, commands: Commands) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether anybody is notified."""
    name, topic = "notifications", stack.id_of(TOPIC)
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    pending = arns.count("PendingConfirmation")
    confirmed = sum(arn.startswith("arn:") for arn in arns)
    detail = f"{confirmed} confirmed, {pending} pending"
    if confirmed:
        return Result(name, Outcome.OK, detail)
    if pending:
        action = "confirm it with the link of the e-mail from AWS"
        return Result(name, Outcome.NEEDS_YOU, f"{detail}: nobody is notified", action)
    action = commands.deploy("NotificationEmail=ops@example.com")
    return Result(name, Outcome.NEEDS_YOU, "the topic has no subscription: nobody is notified", action)


def check_dead_letter_queues(stack: DeployedStack, client: Any, commands: Commands) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether they are empty."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = {}
    for name, url in stack.dead_letter_queues.items():
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        counts[name] = sum(int(attributes[attribute]) for attribute in names)
    if not any(counts.values()):
        return Result("dead-letter queues", Outcome.OK, f"{len(counts)} empty")
    detail = ", ".join(f"about {count} in {name}" for name, count in counts.items() if count)
    action = f"remove the cause ({RUNBOOK}, Queues), then: {commands.make('redrive')}"
    return Result("dead-letter queues", Outcome.NEEDS_YOU, detail, action)


def check_alarms(stack: DeployedStack, client: Any) -> Result:  # noqa: ANN401 - a boto3 client
    """Whether any alarm is in the state ALARM."""
    names = list(stack.of_type("AWS::CloudWatch::Alarm").values())
    pages = client.get_paginator("describe_alarms").paginate(AlarmNames=names)
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    if on := sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"):
        action = f"{RUNBOOK} has a section about each"
        return Result("alarms", Outcome.NEEDS_YOU, f"in ALARM: {', '.join(on)}", action)
    return Result("alarms", Outcome.OK, f"none of {len(alarms)} in ALARM")
