"""A notification is sent for exactly the failure statuses, as a text that is readable whatever fields are known."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.event_bus import SOURCE, STATE_CHANGE, EventBus
from gaussdb_backup.domain.tracking import Status
from local.aws_emulator.stack import PSEUDO_PARAMETERS, STACK_NAME, Stack, default_parameters
from tests.helpers.aws import emulated_aws
from tests.helpers.deployment import SETTINGS
from tests.helpers.emitted_telemetry import event_of
from tests.helpers.gaussdb import ORDERS

FAILURES = {status for status in Status if status.is_failure}
NOTIFYING = {"AWS::SNS::Topic", "AWS::Events::Rule"}
ENVELOPE = {"time"}


@pytest.fixture(scope="session")
def rules(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::Events::Rule")


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SETTINGS[name])
    with emulated_aws():
        yield


def transformer(rule: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The paths, and the template's lines without their quotes."""
    [target] = rule["Targets"]
    lines = target["InputTransformer"]["InputTemplate"].splitlines()
    assert all(re.fullmatch(r'"[^"\\]+"', line) for line in lines), "EventBridge accepts a text as one string per line"
    return target["InputTransformer"]["InputPathsMap"], [line.strip('"') for line in lines]


def render(rule: dict[str, Any], detail: dict[str, Any]) -> str:
    """Fill in the text as EventBridge does: a field that an event does not have is omitted."""
    paths, lines = transformer(rule)
    known = {f"$.detail.{name}": str(value) for name, value in detail.items()} | {"$.time": "2026-11-23T02:00:00Z"}
    return re.sub(r"<(\w+)>", lambda match: known.get(paths[match[1]], ""), "\n".join(lines))


@pytest.mark.usefixtures("_aws")
def test_exactly_the_failure_statuses_match_and_each_one_rule(rules: dict[str, Any]) -> None:
    """Moto evaluates the patterns, on events as the code publishes them."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in rules}
    for name, rule in rules.items():
        events.put_rule(Name=name, EventPattern=json.dumps(rule["EventPattern"]))
        attributes = sqs.get_queue_attributes(QueueUrl=queues[name], AttributeNames=["QueueArn"])["Attributes"]
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])
    assert not any(
        EventBus("default", service=STACK_NAME, client=events).publish([event_of(status) for status in Status])
    )
    detail = json.dumps({"service": STACK_NAME, **event_of(Status.FAILED)})
    for source, detail_type in (("another", STATE_CHANGE), (SOURCE, "another")):
        events.put_events(Entries=[{"Source": source, "DetailType": detail_type, "Detail": detail}])
    notified = [
        Status(json.loads(message["Body"])["detail"]["status"])
        for url in queues.values()
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    assert sorted(notified) == sorted(FAILURES)


@pytest.mark.usefixtures("_aws")
def test_cloudformation_creates_the_rules_with_the_topic_as_their_target(template: dict[str, Any]) -> None:
    resources = {
        name: each
        for name, each in template["Resources"].items()
        if each["Type"] in NOTIFYING or name in {"NotificationsRole", "NotificationDeadLetterQueue"}
    }
    body = {key: template[key] for key in ("Parameters", "Mappings", "Conditions")} | {"Resources": resources}
    boto3.client("cloudformation").create_stack(
        StackName="s",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": "RunbookUrl", "ParameterValue": "https://wiki.example/runbook"}],
    )
    [topic] = [item["TopicArn"] for item in boto3.client("sns").list_topics()["Topics"]]
    events = boto3.client("events")
    names = [rule["Name"] for rule in events.list_rules(EventBusName="default")["Rules"]]
    assert len(names) == len(FAILURES)
    for name in names:
        [target] = events.list_targets_by_rule(Rule=name)["Targets"]
        assert target["Arn"] == topic
        last = target["InputTransformer"]["InputTemplate"].splitlines()[-1]
        assert re.fullmatch(r'"More: runbook, section Backup [a-z]+: https://wiki.example/runbook"', last)


def test_rules_match_the_source_the_detail_type_and_the_bus_of_the_code(
    rules: dict[str, Any], template: dict[str, Any]
) -> None:
    for rule in rules.values():
        assert rule["EventPattern"]["source"] == [SOURCE]
        assert rule["EventPattern"]["detail-type"] == [STATE_CHANGE]
    raw = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"]
    function = template["Resources"]["TrackBackupsFunction"]["Properties"]["Environment"]["Variables"]
    assert {json.dumps(rule["EventBusName"]) for rule in raw} == {json.dumps(function["EVENT_BUS_NAME"])}


def test_every_path_is_a_field_of_the_events_of_the_code(rules: dict[str, Any]) -> None:
    known = {f"$.detail.{field}" for field in event_of(Status.FAILED)} | {f"$.{field}" for field in ENVELOPE}
    for rule in rules.values():
        paths, lines = transformer(rule)
        assert set(paths.values()) <= known
        assert set(re.findall(r"<(\w+)>", "\n".join(lines))) == set(paths)


def test_a_field_that_may_be_unknown_ends_its_line_after_a_label(rules: dict[str, Any]) -> None:
    always = set(event_of(Status.MISSING, bare=True)) | ENVELOPE
    for rule in rules.values():
        paths, lines = transformer(rule)
        for name in {name for name, path in paths.items() if path.rpartition(".")[2] not in always}:
            [line] = [line for line in lines if f"<{name}>" in line]
            assert re.fullmatch(rf"[A-Z][a-z ]+: <{name}>", line)


@pytest.mark.parametrize("bare", [False, True], ids=["all known", "little known"])
def test_a_text_names_the_status_the_backup_the_instance_and_the_section_of_the_runbook(
    rules: dict[str, Any], stack: Stack, root: Path, *, bare: bool
) -> None:
    runbook = (root / "docs" / "operations.md").read_text()
    for rule in rules.values():
        [status] = rule["EventPattern"]["detail"]["status"]
        detail = event_of(Status(status), bare=bare)
        text = render(rule, detail)
        assert status in text.splitlines()[0]
        assert all(word in text for word in (ORDERS, detail["backup_id"], detail["backup_name"], detail["connection"]))
        assert "What to do: " in text
        section = f"Backup {status.lower()}"
        assert text.endswith(f"runbook, section {section}: {stack.parameters['RunbookUrl']}")
        assert f"### Backup {status.lower()}" in runbook
        assert not re.search(r"[<>{}]|None|null", text)


def test_the_topic_accepts_the_alarms_of_this_stack_and_no_other_service(stack: Stack) -> None:
    [policy] = stack.of_type("AWS::SNS::TopicPolicy").values()
    [alarms] = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert (alarms["Principal"], alarms["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert alarms["Condition"]["StringEquals"] == {"aws:SourceAccount": PSEUDO_PARAMETERS["AWS::AccountId"]}
    pattern = alarms["Condition"]["ArnLike"]["aws:SourceArn"].rpartition(":alarm:")[2]
    names = [alarm["AlarmName"] for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()]
    assert [name for name in names if not fnmatchcase(name, pattern)] == []


def test_nobody_publishes_without_tls(stack: Stack) -> None:
    [policy] = stack.of_type("AWS::SNS::TopicPolicy").values()
    [denied] = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert (denied["Principal"], denied["Action"]) == ("*", "sns:Publish")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("bus", ["default", "backups"])
def test_the_rules_publish_with_a_role_that_only_they_can_assume(template: dict[str, Any], bus: str) -> None:
    """EventBridge supports conditions in the trust of a role, and none in the policy of a topic."""
    role = template["Resources"]["NotificationsRole"]["Properties"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    resolved = Stack(template, default_parameters(template) | {"EventBusName": bus}).resolve(trust["Condition"])
    assert resolved["StringEqualsIfExists"] == {"aws:SourceAccount": PSEUDO_PARAMETERS["AWS::AccountId"]}
    prefix = f"arn:aws:events:eu-central-1:123456789012:rule/{'' if bus == 'default' else f'{bus}/'}"
    for rule in (each for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"):
        name = rule["Properties"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", STACK_NAME)
        patterns = resolved["ArnLike"]["aws:SourceArn"]
        assert any(fnmatchcase(prefix + name, pattern) for pattern in patterns), name
        assert not any(fnmatchcase(f"{prefix}other-{name}", pattern) for pattern in patterns)
        [target] = rule["Properties"]["Targets"]
        assert target["RoleArn"] == {"Fn::GetAtt": ["NotificationsRole", "Arn"]}


def test_an_event_that_cannot_be_published_is_kept(template: dict[str, Any]) -> None:
    for rule in (each for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"):
        [target] = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["NotificationDeadLetterQueue", "Arn"]}}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 14400}


def test_the_topic_has_no_key_that_would_prevent_publishing(stack: Stack) -> None:
    """With the key managed by AWS neither EventBridge nor alarms can publish."""
    [topic] = stack.of_type("AWS::SNS::Topic").values()
    assert "KmsMasterKeyId" not in topic


def test_the_subscription_exists_only_with_an_address(template: dict[str, Any], stack: Stack) -> None:
    [subscription] = stack.of_type("AWS::SNS::Subscription")
    assert template["Resources"][subscription]["Condition"] == "HasEmail"
    assert template["Resources"][subscription]["Properties"]["Endpoint"] == {"Ref": "NotificationEmail"}


@pytest.mark.parametrize("address", ['say "no"', "a\\b", "<x>", "two\nlines", ""])
def test_a_runbook_address_that_would_break_the_texts_is_rejected(template: dict[str, Any], address: str) -> None:
    pattern = template["Parameters"]["RunbookUrl"]["AllowedPattern"]
    assert not re.fullmatch(pattern, address)
    assert re.fullmatch(pattern, "https://wiki.example/a?b=c&d")


def test_the_default_names_the_file_of_the_runbook_and_no_address(template: dict[str, Any], root: Path) -> None:
    """The application does not know where its repository is read: an address is given by the operator."""
    default = template["Parameters"]["RunbookUrl"]["Default"]
    assert (root / default.partition(" ")[0]).is_file()
    assert default.endswith(" in the repository of gaussdb-backup")
