"""Each function's role allows what its tests do, and nothing else: derived from the calls that reach AWS."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from gaussdb_backup.errors import CredentialsRefused, TryLater
from local import gaussdb_emulator
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import ORDERS, STOCK
from tests.helpers.sqs_event import sqs_batch

TEMPLATE = yaml_parse((Path(__file__).parents[2] / "template.yaml").read_text())
ACTIONS = {"SendMessageBatch": "SendMessage", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility"}
"""Batch calls of SQS need the permission of the single call."""
BY_LAMBDA = {
    ("sqs:ReceiveMessage", "queue"),
    ("sqs:DeleteMessage", "queue"),
    ("sqs:GetQueueAttributes", "queue"),
    ("sqs:SendMessage", "FailedInvocationsQueue"),
    ("logs:CreateLogStream", "log"),
    ("logs:PutLogEvents", "log"),
}
"""What Lambda itself does with the role: the event source, the on-failure destination, the log."""
QUEUES = {
    "plans": "PlanQueue",
    "plans-dead": "PlanDeadLetterQueue",
    "requests": "BackupQueue",
    "requests-dead": "BackupDeadLetterQueue",
    "tracking": "TrackingQueue",
    "tracking-dead": "TrackingDeadLetterQueue",
}


def granted(role: str) -> set[tuple[str, str]]:
    """(action, resource) of each permission of a role."""
    found = set()
    for policy in TEMPLATE["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:  # for a key or a network of the user's own, which no call of a function shows
                continue
            found |= set(product(_list(statement["Action"]), map(_name, _list(statement["Resource"]))))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(resource: dict[str, Any]) -> str:
    if "Ref" in resource:
        return str(resource["Ref"])
    if "Fn::GetAtt" in resource:
        name = str(resource["Fn::GetAtt"][0])
        return "log" if name.endswith("LogGroup") else name
    if "ReportBucket.Arn" in resource["Fn::Sub"]:
        return str(resource["Fn::Sub"])
    return "secret" if ":secret:" in resource["Fn::Sub"] else "bus"


@pytest.fixture
def calls(deployment: Deployment) -> set[tuple[str, str]]:
    """(action, resource) of each call that reaches AWS while a function runs."""
    made: set[tuple[str, str]] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.endpoint_prefix
        action = f"{'events' if service == 'events' else service}:{ACTIONS.get(model.name, model.name)}"
        made.add((action, _resource(service, params)))

    session: Any = boto3.DEFAULT_SESSION
    session.events.register("provide-client-params.*.*", note)
    return made


def _resource(service: str, params: dict[str, Any]) -> str:
    if service == "sqs":
        return QUEUES[params["QueueUrl"].rsplit("/", 1)[-1]]
    if service == "s3":
        return f"${{ReportBucket.Arn}}/{params['Key'].partition('/')[0]}/*"
    return {"dynamodb": "StateTable", "secretsmanager": "secret", "events": "bus"}[service]


def request(instance_id: str = ORDERS, **fields: Any) -> dict[str, Any]:
    return {
        "instance_id": instance_id,
        "name_template": "nightly",
        "scheduled_time": datetime.now(UTC).isoformat(),
        **fields,
    }


def work_everything(deployment: Deployment, calls: set[tuple[str, str]]) -> dict[str, set[tuple[str, str]]]:
    """Take each function through all its ways; return the calls that each made."""
    made: dict[str, set[tuple[str, str]]] = {}

    def invoke(function: str, event: Any, fails: type[Exception] | None = None) -> None:
        deployment.restart()
        calls.clear()
        with pytest.raises(fails) if fails else nullcontext():
            deployment.invoke(function, event)
        made.setdefault(function, set()).update(calls)

    invoke("dispatch_backups", {"scheduled_time": datetime.now(UTC).isoformat()})
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="instances", status=503))
    invoke("dispatch_backups", sqs_batch({"scheduled_time": datetime.now(UTC).isoformat()}, {"select": 1}))
    deployment.cloud.remove_fault()
    invoke("create_backup", request())
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.200019", times=1))
    invoke("create_backup", sqs_batch(request(STOCK), {"instance_id": "short"}))
    now = datetime.now(UTC)
    message = {"connection": "default", "instance_id": ORDERS, "backup_id": "gone", "backup_name": "nightly"}
    times = {"begin_time": (now - timedelta(hours=1)).isoformat(), "deadline": now.isoformat()}
    invoke("track_backups", sqs_batch({**message, **times}, "no JSON"))
    building = {"backup_id": deployment.cloud.backups(ORDERS)[0].id, "deadline": (now + timedelta(hours=1)).isoformat()}
    invoke("track_backups", sqs_batch({**message, **times, **building, "begin_time": now.isoformat()}))
    tracked = {**message, **times, **building, "begin_time": now.isoformat()}
    _open_and_close_the_circuit_breaker(deployment, lambda fails: invoke("dispatch_backups", {"dry_run": True}, fails))
    _open_and_close_the_circuit_breaker(
        deployment, lambda fails: invoke("create_backup", request(name_template="again"), fails), TryLater
    )
    _open_and_close_the_circuit_breaker(deployment, lambda _: invoke("track_backups", sqs_batch(tracked)))
    audit, prune = {"catch_up": True}, {"name_prefix": "nightly", "keep": {"last": 1}, "dry_run": False}
    _open_and_close_the_circuit_breaker(deployment, lambda fails: invoke("audit_backups", audit, fails))
    invoke("prune_backups", prune)  # a fifth refusal within five minutes would stop all calls
    return made


def _open_and_close_the_circuit_breaker(
    deployment: Deployment, call: Callable[[type[Exception] | None], None], after: type[Exception] | None = None
) -> None:
    """Have credentials refused, then right."""
    deployment.put_secret(secret_key="hush-hush-wrong")
    call(CredentialsRefused)
    deployment.put_secret()
    call(after)


def test_each_role_allows_what_its_function_does_and_nothing_else(
    deployment: Deployment, calls: set[tuple[str, str]]
) -> None:
    made = work_everything(deployment, calls)
    roles = {
        "create_backup": "CreateBackupRole",
        "dispatch_backups": "DispatchBackupsRole",
        "track_backups": "TrackBackupsRole",
        "audit_backups": "AuditBackupsRole",
        "prune_backups": "PruneBackupsRole",
    }
    sources = {"dispatch_backups": "PlanQueue", "create_backup": "BackupQueue", "track_backups": "TrackingQueue"}
    for function, role in roles.items():
        by_lambda = {(action, sources.get(function, "") if name == "queue" else name) for action, name in BY_LAMBDA}
        allowed = granted(role)
        assert made[function] <= allowed, f"{function} needs {made[function] - allowed}"
        assert allowed - made[function] - by_lambda == set(), f"{function} does not need this"


def test_the_role_of_the_schedules_may_use_their_targets_and_their_dead_letter_queue_only() -> None:
    schedules = [each for each in TEMPLATE["Resources"].values() if each["Type"] == "AWS::Scheduler::Schedule"]
    targets = [schedule["Properties"]["Target"] for schedule in schedules]
    assert {target["RoleArn"]["Fn::GetAtt"][0] for target in targets} == {"SchedulesRole"}
    arns = [arn for target in targets for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"])]
    aliases, queues = {arn["Ref"] for arn in arns if "Ref" in arn}, {_name(arn) for arn in arns if "Ref" not in arn}
    invoked, sent = (
        {("lambda:InvokeFunction", alias) for alias in aliases},
        {("sqs:SendMessage", name) for name in queues},
    )
    assert granted("SchedulesRole") == invoked | sent


def test_the_rules_may_publish_to_the_topics_and_nothing_else() -> None:
    [policy] = TEMPLATE["Resources"]["NotificationsRole"]["Properties"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    chat = {"Fn::If": ["HasChat", {"Ref": "ChatNotificationsTopic"}, {"Ref": "AWS::NoValue"}]}
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", [{"Ref": "BackupNotifications"}, chat])


def test_the_rules_may_send_requests_to_the_destinations_of_the_stack_and_nothing_else() -> None:
    [policy] = TEMPLATE["Resources"]["DestinationsRole"]["Properties"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "events:InvokeApiDestination"
    assert statement["Resource"] == [
        {"Fn::If": [f"Has{name}", {"Fn::GetAtt": [f"{name}Destination", "Arn"]}, {"Ref": "AWS::NoValue"}]}
        for name in ("Webhook", "Ping")
    ]


def test_every_role_of_the_template_is_covered() -> None:
    roles = {name for name, resource in TEMPLATE["Resources"].items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == {
        "CreateBackupRole",
        "DispatchBackupsRole",
        "TrackBackupsRole",
        "AuditBackupsRole",
        "PruneBackupsRole",
        "SchedulesRole",
        "NotificationsRole",
        "DestinationsRole",
    }
