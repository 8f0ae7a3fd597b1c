"""A notification is sent for exactly the failure statuses, as a text that is readable whatever fields are known."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.event_bus import AUDIT_FINISHED, SOURCE, STATE_CHANGE, EventBus
from gaussdb_backup.domain.digest import WORST
from gaussdb_backup.domain.tracking import Status
from local.aws_emulator.input_transformer import paths_of, render
from local.aws_emulator.stack import PSEUDO_PARAMETERS, STACK_NAME, Stack, default_parameters
from tests.helpers.aws import emulated_aws
from tests.helpers.coverage_samples import COVERED, EMPTY, UNCOVERED, event_of_audit
from tests.helpers.deployment import SETTINGS
from tests.helpers.emitted_telemetry import event_of
from tests.helpers.gaussdb import ORDERS

FAILURES = {status for status in Status if status.is_failure}
OF_CHANNELS = {"ChatNotificationsTopic", "AuditCoveredPingRule"}
"""What exists with a channel alone: tests/project/test_notification_channels.py."""
NOTIFYING = {"AWS::SNS::Topic", "AWS::Events::Rule"}
ENVELOPE = {"time"}
AUDITS = {"AuditUncoveredRule": UNCOVERED, "AuditDigestRule": COVERED}
"""The rules for audits, each with an audit that it is for."""
PING = "AuditCoveredPingRule"
WORST_TEN = {f"line_{number}" for number in range(1, WORST + 1)}


@pytest.fixture(scope="session")
def rules(stack: Stack) -> dict[str, Any]:
    """The rules that notify people, which the ping of an outside service is not."""
    return {name: rule for name, rule in stack.of_type("AWS::Events::Rule").items() if name != PING}


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SETTINGS[name])
    with emulated_aws():
        yield


@pytest.fixture(scope="session")
def failure_rules(rules: dict[str, Any]) -> dict[str, Any]:
    """The rules for failed backups, which are not those for audits."""
    return {name: rule for name, rule in rules.items() if name not in AUDITS}


def transformer(rule: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The paths, and the template's lines without their quotes."""
    [target] = [each for each in rule["Targets"] if each["Id"] == "notifications"]
    lines = target["InputTransformer"]["InputTemplate"].splitlines()
    assert all(re.fullmatch(r'"[^"\\]+"', line) for line in lines), "EventBridge accepts a text as one string per line"
    return target["InputTransformer"]["InputPathsMap"], [line.strip('"') for line in lines]


def text_of(rule: dict[str, Any], detail: dict[str, Any]) -> str:
    """The text of an event without the quotes around its lines."""
    [target] = [each for each in rule["Targets"] if each["Id"] == "notifications"]
    text = render(target["InputTransformer"], {"time": "2026-11-23T02:00:00Z", "detail": detail})
    return "\n".join(line.strip('"') for line in text.splitlines())


def fields_of(detail: dict[str, Any]) -> set[str]:
    """The paths of the fields of an event."""
    return {path for path, _ in paths_of({"detail": detail})} | {f"$.{field}" for field in ENVELOPE}


@pytest.mark.usefixtures("_aws")
def test_exactly_the_failure_statuses_match_and_each_one_rule(rules: dict[str, Any]) -> None:
    statuses = [event_of(status) for status in Status]
    notified = notified_of(rules, lambda bus: bus.publish(statuses))
    assert sorted(detail["status"] for _, detail in notified) == sorted(FAILURES)


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize("rule", AUDITS)
def test_an_audit_matches_the_rule_of_its_outcome_alone(rules: dict[str, Any], rule: str) -> None:
    audit = event_of_audit(AUDITS[rule])
    assert [name for name, _ in notified_of(rules, lambda bus: [bus.publish_audit(audit)])] == [rule]


@pytest.mark.usefixtures("_aws")
def test_an_audit_of_no_instance_is_notified_as_uncovered(rules: dict[str, Any]) -> None:
    audit = event_of_audit(EMPTY)
    assert [name for name, _ in notified_of(rules, lambda bus: [bus.publish_audit(audit)])] == ["AuditUncoveredRule"]


@pytest.mark.usefixtures("_aws")
def test_nobody_is_notified_of_a_prune(rules: dict[str, Any]) -> None:
    """Its failures are alarms."""
    assert notified_of(rules, lambda bus: [bus.publish_prune({"version": 1, "outcome": "uncovered"})]) == []


def notified_of(
    rules: dict[str, Any], publish: Callable[[EventBus], Sequence[str | None]]
) -> list[tuple[str, dict[str, Any]]]:
    """Rule and detail of each notification. Moto evaluates the patterns, on events as the code publishes them."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in rules}
    for name, rule in rules.items():
        events.put_rule(Name=name, EventPattern=json.dumps(rule["EventPattern"]))
        attributes = sqs.get_queue_attributes(QueueUrl=queues[name], AttributeNames=["QueueArn"])["Attributes"]
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])
    assert not any(publish(EventBus("default", service=STACK_NAME, client=events)))
    detail = json.dumps({"service": STACK_NAME, "outcome": "uncovered", **event_of(Status.FAILED)})
    for source, detail_type in (("another", STATE_CHANGE), ("another", AUDIT_FINISHED), (SOURCE, "another")):
        events.put_events(Entries=[{"Source": source, "DetailType": detail_type, "Detail": detail}])
    return [
        (name, json.loads(message["Body"])["detail"])
        for name, url in queues.items()
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]


def without_channels(value: Any) -> Any:
    """What is left by default: moto does not leave out an item of a list that has no value."""
    if isinstance(value, list):
        return [without_channels(each) for each in value if not is_of_channel(each)]
    return {key: without_channels(each) for key, each in value.items()} if isinstance(value, dict) else value


def is_of_channel(value: Any) -> bool:
    return isinstance(value, dict) and value.get("Fn::If", [""])[0] in {"HasChat", "HasWebhook"}


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize(("of_each_audit", "rules_of_audits"), [("false", 1), ("true", 2)])
def test_cloudformation_creates_the_rules_with_the_topic_as_their_target(
    template: dict[str, Any], of_each_audit: str, rules_of_audits: int
) -> None:
    resources = {
        name: each
        for name, each in template["Resources"].items()
        if (each["Type"] in NOTIFYING and name not in OF_CHANNELS)
        or name in {"NotificationsRole", "NotificationDeadLetterQueue"}
    }
    body = {key: template[key] for key in ("Parameters", "Mappings", "Conditions")}
    body["Resources"] = without_channels(resources)
    boto3.client("cloudformation").create_stack(
        StackName="s",
        TemplateBody=json.dumps(body),
        Parameters=[
            {"ParameterKey": "RunbookUrl", "ParameterValue": "https://wiki.example/runbook"},
            {"ParameterKey": "NotifyOfEachAudit", "ParameterValue": of_each_audit},
        ],
    )
    [topic] = [item["TopicArn"] for item in boto3.client("sns").list_topics()["Topics"]]
    events = boto3.client("events")
    names = [rule["Name"] for rule in events.list_rules(EventBusName="default")["Rules"]]
    assert len(names) == len(FAILURES) + rules_of_audits
    for name in names:
        [target] = events.list_targets_by_rule(Rule=name)["Targets"]
        assert target["Arn"] == topic
        last = target["InputTransformer"]["InputTemplate"].splitlines()[-1]
        assert re.fullmatch(r'"[A-Z][a-z ]+: runbook, section [A-Z][a-z ]+: https://wiki.example/runbook"', last)


def test_rules_match_the_source_the_detail_type_and_the_bus_of_the_code(
    rules: dict[str, Any], template: dict[str, Any]
) -> None:
    for name, rule in rules.items():
        assert rule["EventPattern"]["source"] == [SOURCE]
        assert rule["EventPattern"]["detail-type"] == [AUDIT_FINISHED if name in AUDITS else STATE_CHANGE]
    raw = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"]
    publishing = ("TrackBackupsFunction", "AuditBackupsFunction", "PruneBackupsFunction")
    variables = [template["Resources"][name]["Properties"]["Environment"]["Variables"] for name in publishing]
    buses = {json.dumps(each["EVENT_BUS_NAME"]) for each in variables}
    assert {json.dumps(rule["EventBusName"]) for rule in raw} == buses
    assert len(buses) == 1


def sample_of(name: str, *, bare: bool = False) -> dict[str, Any]:
    """An event that a rule is for: with all of its fields, or with those that are always known."""
    if name in AUDITS:
        return event_of_audit(EMPTY) if bare else {**event_of_audit(UNCOVERED), "lines": dict.fromkeys(WORST_TEN, "")}
    return event_of(Status.MISSING if bare else Status.FAILED, bare=bare)


def test_every_path_is_a_field_of_the_events_of_the_code(rules: dict[str, Any]) -> None:
    for name, rule in rules.items():
        known = fields_of(sample_of(name))
        paths, lines = transformer(rule)
        assert set(paths.values()) <= known
        assert set(re.findall(r"<(\w+)>", "\n".join(lines))) == set(paths)


def test_every_line_of_the_worst_instances_is_in_the_text(rules: dict[str, Any]) -> None:
    paths, lines = transformer(rules["AuditUncoveredRule"])
    assert {name for name in paths if name.startswith("line_")} == WORST_TEN
    assert {f"<{name}>" for name in WORST_TEN} <= set(lines)


def test_a_field_that_may_be_unknown_ends_its_line_after_a_label(rules: dict[str, Any]) -> None:
    """Or is the whole line, which is empty then: a digest has up to ten lines of instances."""
    for name, rule in rules.items():
        always = fields_of(sample_of(name, bare=True))
        paths, lines = transformer(rule)
        for field in {field for field, path in paths.items() if path not in always}:
            [line] = [line for line in lines if f"<{field}>" in line]
            label = "" if field in WORST_TEN else r"[A-Z][a-z ]+( \(hours\))?: "
            assert re.fullmatch(rf"{label}<{field}>", line)


@pytest.mark.parametrize("bare", [False, True], ids=["all known", "little known"])
def test_a_text_names_the_status_the_backup_the_instance_and_the_section_of_the_runbook(
    failure_rules: dict[str, Any], stack: Stack, root: Path, *, bare: bool
) -> None:
    runbook = (root / "docs" / "operations.md").read_text()
    for rule in failure_rules.values():
        [status] = rule["EventPattern"]["detail"]["status"]
        detail = event_of(Status(status), bare=bare)
        text = text_of(rule, detail)
        assert status in text.splitlines()[0]
        assert all(word in text for word in (ORDERS, detail["backup_id"], detail["backup_name"], detail["connection"]))
        assert re.search(rf"What to do: .*: gaussdb-backup run {ORDERS}$", text, re.MULTILINE)
        section = f"Backup {status.lower()}"
        assert text.endswith(f"runbook, section {section}: {stack.parameters['RunbookUrl']}")
        assert f"### Backup {status.lower()}" in runbook
        assert not re.search(r"[<>{}]|None|null", text)


COMMANDS = {"gaussdb-backup status", "gaussdb-backup run", "gaussdb-backup audit"}
SECTIONS = {"AuditUncoveredRule": "Instances uncovered", "AuditDigestRule": "The digest of an audit"}


@pytest.mark.parametrize("name", AUDITS)
@pytest.mark.parametrize("bare", [False, True], ids=["all known", "little known"])
def test_a_text_of_an_audit_has_its_counts_the_worst_instances_and_the_section_of_the_runbook(
    rules: dict[str, Any], stack: Stack, runbook: str, name: str, *, bare: bool
) -> None:
    detail = event_of_audit(EMPTY if bare else AUDITS[name])
    text = text_of(rules[name], detail)
    for field in ("connection", "scheduled_time", "audited", "uncovered", "not_found", "catch_up", "orphans"):
        assert re.search(rf": {re.escape(str(detail[field]))}$", text, re.MULTILINE), field
    assert all(line in text.splitlines() for line in detail["lines"].values())
    assert text.splitlines()[-1].endswith(f"runbook, section {SECTIONS[name]}: {stack.parameters['RunbookUrl']}")
    assert f"### {SECTIONS[name]}\n" in runbook
    assert not re.search(r"[<>{}]|None|null", text)
    commands = set(re.findall(r"gaussdb-backup (?:status|run|audit)\b", text))
    assert commands == (COMMANDS if name == "AuditUncoveredRule" else set())


def test_the_first_line_of_a_text_says_whether_instances_are_uncovered(rules: dict[str, Any]) -> None:
    assert "WITHOUT" in transformer(rules["AuditUncoveredRule"])[1][0]
    assert "WITHOUT" not in transformer(rules["AuditDigestRule"])[1][0]


def test_the_topic_accepts_the_alarms_of_this_stack_and_no_other_service(stack: Stack) -> None:
    policy = stack.of_type("AWS::SNS::TopicPolicy")["BackupNotificationsPolicy"]
    [alarms] = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert (alarms["Principal"], alarms["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert alarms["Condition"]["StringEquals"] == {"aws:SourceAccount": PSEUDO_PARAMETERS["AWS::AccountId"]}
    pattern = alarms["Condition"]["ArnLike"]["aws:SourceArn"].rpartition(":alarm:")[2]
    names = [alarm["AlarmName"] for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()]
    assert [name for name in names if not fnmatchcase(name, pattern)] == []


def test_nobody_publishes_without_tls(stack: Stack) -> None:
    policies = stack.of_type("AWS::SNS::TopicPolicy").values()
    assert sorted(policy["Topics"] for policy in policies) == [["BackupNotifications"], ["ChatNotificationsTopic"]]
    for policy in policies:
        [denied] = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert (denied["Principal"], denied["Action"]) == ("*", "sns:Publish")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert [denied["Resource"]] == policy["Topics"]


@pytest.mark.parametrize("bus", ["default", "backups"])
@pytest.mark.parametrize("role", ["NotificationsRole", "DestinationsRole"])
def test_the_rules_have_roles_that_only_they_can_assume(template: dict[str, Any], role: str, bus: str) -> None:
    """EventBridge supports conditions in the trust of a role, and none in the policy of a topic."""
    [trust] = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    resolved = Stack(template, default_parameters(template) | {"EventBusName": bus}).resolve(trust["Condition"])
    assert resolved["StringEqualsIfExists"] == {"aws:SourceAccount": PSEUDO_PARAMETERS["AWS::AccountId"]}
    prefix = f"arn:aws:events:eu-central-1:123456789012:rule/{'' if bus == 'default' else f'{bus}/'}"
    for rule in (each for each in template["Resources"].values() if each["Type"] == "AWS::Events::Rule"):
        name = rule["Properties"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", STACK_NAME)
        patterns = resolved["ArnLike"]["aws:SourceArn"]
        assert any(fnmatchcase(prefix + name, pattern) for pattern in patterns), name
        assert not any(fnmatchcase(f"{prefix}other-{name}", pattern) for pattern in patterns)


def test_a_target_has_the_role_that_may_reach_it(stack: Stack) -> None:
    roles = {
        "notifications": "NotificationsRole",
        "chat": "NotificationsRole",
        "webhook": "DestinationsRole",
        "ping": "DestinationsRole",
    }
    targets = [each for rule in stack.of_type("AWS::Events::Rule").values() for each in rule["Targets"]]
    assert {(each["Id"], each["RoleArn"]) for each in targets} == {(id_, f"{role}.Arn") for id_, role in roles.items()}


def test_an_event_that_cannot_be_delivered_is_kept(stack: Stack) -> None:
    for target in (each for rule in stack.of_type("AWS::Events::Rule").values() for each in rule["Targets"]):
        assert target["DeadLetterConfig"] == {"Arn": "NotificationDeadLetterQueue.Arn"}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 14400}


def test_no_topic_has_a_key_that_would_prevent_publishing(stack: Stack) -> None:
    """With the key managed by AWS neither EventBridge nor alarms can publish."""
    topics = stack.of_type("AWS::SNS::Topic")
    assert set(topics) == {"BackupNotifications", "ChatNotificationsTopic"}
    assert not any("KmsMasterKeyId" in topic for topic in topics.values())


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
