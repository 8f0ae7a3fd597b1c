"""Each channel's messages are those of its golden files, and nothing that a stranger writes can break one."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.tracking import Observation, Status, make_tracking_message
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.telemetry.log_fields import to_json
from local.aws_emulator.input_transformer import LIMIT_OF_A_TEMPLATE, render
from local.aws_emulator.stack import STACK_NAME, Stack, default_parameters
from tests.helpers.clock import RUN
from tests.helpers.coverage_samples import COVERED, EMPTY, UNCOVERED, event_of_audit
from tests.helpers.emitted_telemetry import BACKUP, REQUEST, event_of
from tests.helpers.gaussdb import ORDERS
from tests.helpers.markdown import ROOT, code_blocks, section
from tests.helpers.notifications import (
    CHANNELS,
    ENABLED,
    FOLDER,
    HOSTILE,
    RULES,
    make_event,
    rendered,
    stack_with_all_channels,
    targets_of,
)
from tests.project.test_notifications import PING, _aws, notified_of

__all__ = ["_aws"]
PAGE = (ROOT / "docs" / "notifications.md").read_text()
OF_CHANNELS = {
    "HasChat": {"ChatNotificationsTopic", "ChatNotificationsPolicy"},
    "HasWebhook": {"WebhookConnection", "WebhookDestination"},
    "HasPing": {"PingConnection", "PingDestination", PING},
    "HasDestination": {"DestinationsRole"},
}
REQUIRED = {"version", "source", "content"}
OPTIONAL = {
    "": {"id", "metadata"},
    "content": {"textType", "title", "description", "nextSteps", "keywords"},
    "metadata": {"threadId", "summary", "eventType", "relatedResources", "additionalContext"},
}
"""The fields of a custom notification, by AWS's guide of Amazon Q Developer in chat applications ("Event schema")."""
FAILURES = ["backup_failed", "backup_overdue", "backup_missing"]


@pytest.fixture(scope="module")
def channels(template: dict[str, Any]) -> Stack:
    return stack_with_all_channels(template)


@pytest.fixture(scope="module")
def messages(channels: Stack) -> dict[str, str]:
    return dict(rendered(channels))


def of_channel(messages: dict[str, str], channel: str) -> dict[str, dict[str, Any]]:
    """The messages of a channel that are JSON, by the name of the sample."""
    start = f"{channel}_"
    found = {name.removeprefix(start).removesuffix(".json"): text for name, text in messages.items()}
    return {name: json.loads(found[name]) for name in found if f"{start}{name}.json" in messages}


def texts_in(value: Any) -> list[str]:
    """Each text of a JSON value."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_in(each)]
    return [text for each in value for text in texts_in(each)] if isinstance(value, list) else [value]


def test_each_message_is_that_of_its_golden_file(messages: dict[str, str]) -> None:
    """After a change run tests/helpers/notifications.py, and read the difference."""
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == messages
    assert {name.partition("_")[0] for name in messages} == set(CHANNELS.values())


def test_by_default_there_is_nothing_of_chat_webhook_and_ping(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    found = {
        condition: {name for name, each in resources.items() if each.get("Condition") == condition}
        for condition in OF_CHANNELS
    }
    assert found == OF_CHANNELS
    stack = Stack(
        template,
        default_parameters(template),
        {name: name for name in resources},
        {f"{name}.Arn": name for name in resources},
    )
    assert [name for names in OF_CHANNELS.values() for name in names if stack.exists(name)] == []
    for name in (name for name, each in resources.items() if each["Type"] == "AWS::Events::Rule" and name != PING):
        assert set(targets_of(stack, name)) == {"notifications"}
    assert template["Outputs"]["ChatNotificationsArn"]["Condition"] == "HasChat"


@pytest.mark.parametrize(
    ("parameter", "conditions"),
    [
        ("ChatNotifications", {"HasChat"}),
        ("WebhookUrl", {"HasWebhook", "HasDestination"}),
        ("PingUrl", {"HasPing", "HasDestination"}),
    ],
)
def test_a_parameter_brings_its_own_channel_alone(
    template: dict[str, Any], parameter: str, conditions: set[str]
) -> None:
    stack = Stack(template, default_parameters(template) | {parameter: ENABLED[parameter]})
    expected = {name for condition in conditions for name in OF_CHANNELS[condition]}
    assert {name for names in OF_CHANNELS.values() for name in names if stack.exists(name)} == expected


def test_a_chat_message_has_the_form_of_a_custom_notification(messages: dict[str, str]) -> None:
    found = of_channel(messages, "chat")
    assert len(found) == len(RULES) - 1
    for message in found.values():
        assert set(message) >= REQUIRED
        assert set(message) <= REQUIRED | OPTIONAL[""]
        assert (message["version"], message["source"]) == ("1.0", "custom")
        assert all(set(message[part]) <= OPTIONAL[part] for part in ("content", "metadata"))
        assert message["content"]["textType"] == "client-markdown"
        assert all(isinstance(text, str) for text in texts_in(message))
        assert all(message["content"][name] for name in ("title", "description", "nextSteps", "keywords"))
        assert len(message["content"]["title"]) <= 250


@pytest.mark.parametrize("sample", FAILURES)
def test_all_messages_of_one_run_are_one_thread(messages: dict[str, str], sample: str) -> None:
    """An audit's own failed catch-up backups are of its run: its report and they are one thread too."""
    found = of_channel(messages, "chat")
    run = f"{STACK_NAME}/default/nightly/2026-11-23T01:30:00+00:00"
    assert found[sample]["metadata"]["threadId"] == found["audit_uncovered"]["metadata"]["threadId"] == run


@pytest.mark.parametrize("sample", FAILURES)
@pytest.mark.parametrize("channel", ["chat", "webhook"])
def test_a_message_of_a_backup_names_the_command_for_its_instance(
    messages: dict[str, str], channel: str, sample: str
) -> None:
    message = of_channel(messages, channel)[sample]
    steps = message["content"]["nextSteps"] if channel == "chat" else [message["text"]]
    assert any(f"`gaussdb-backup run {ORDERS}`" in step for step in steps)
    assert f"section {sample.replace('_', ' ').capitalize()}: " in steps[-1]


@pytest.mark.parametrize("channel", ["chat", "webhook"])
def test_a_message_of_an_audit_names_the_commands(messages: dict[str, str], channel: str) -> None:
    text = json.dumps(of_channel(messages, channel)["audit_uncovered"])
    assert set(re.findall(r"`(gaussdb-backup \w+)`", text)) == {
        f"gaussdb-backup {name}" for name in ("status", "run", "audit")
    }


def test_a_webhook_is_sent_a_text_alone(messages: dict[str, str]) -> None:
    """Which is all that an incoming webhook of Slack needs."""
    found = of_channel(messages, "webhook")
    assert len(found) == len(RULES) - 1
    assert {tuple(message) for message in found.values()} == {("text",)}


@pytest.mark.parametrize("channel", ["chat", "webhook"])
def test_no_name_of_an_instance_breaks_a_message_or_formats_it(messages: dict[str, str], channel: str) -> None:
    """The message has the fields that any audit has, and its worst instances have no mention, link or markup."""
    found = of_channel(messages, channel)
    hostile, other = found["audit_hostile"], found["audit_uncovered"]
    assert len(texts_in(hostile)) == len(texts_in(other))
    text = hostile["content"]["description"] if channel == "chat" else hostile["text"]
    lines = text.partition("The worst:\n")[2].strip().splitlines()
    assert len(lines) == len(HOSTILE)
    assert all(line.startswith("never: ") and not set('"\\<>@!*~`/.&') & set(line) for line in lines)
    assert not any(re.search(r"\b_|_\b", line) for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("target", ["notifications", "chat", "webhook"])
def test_nothing_that_the_api_returns_of_a_backup_gets_into_a_message(channels: Stack, target: str, text: str) -> None:
    backup = BACKUP.model_copy(update={"id": text, "name": text, "instance_id": text, "status": text})
    message = make_tracking_message(REQUEST, backup, now=RUN, time_limit=timedelta(hours=6))
    detail = to_json(Observation(message, Status.FAILED, backup).log_fields)
    rule, detail_type, _ = RULES["backup_failed"]
    rendered_text = render(targets_of(channels, rule)[target]["InputTransformer"], make_event(detail_type, detail))
    assert text not in rendered_text
    if target != "notifications":
        assert f"gaussdb-backup run {ORDERS}`" in json.dumps(json.loads(rendered_text))


@pytest.mark.parametrize("field", ["instance_id", "connection", "schedule", "scheduled_time"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_request_or_an_audit_with_such_a_text_has_no_message(field: str, text: str) -> None:
    request = {"instance_id": ORDERS, "schedule": "nightly"}
    with pytest.raises(InvalidRequest):
        parse_backup_request(request | {field: text}, default_time=RUN, now=RUN)
    if field != "instance_id":
        with pytest.raises(InvalidRequest):
            parse_audit({field: text}, default_time=RUN, now=RUN)


def test_no_template_is_too_long_with_the_longest_parameters(template: dict[str, Any]) -> None:
    longest = {"RunbookUrl": "https://" + "x" * 248, "AWS::StackName": "s" * 47}
    resources = template["Resources"]
    parameters = default_parameters(template) | ENABLED | longest
    stack = Stack(template, parameters, {name: name for name in resources}, {f"{name}.Arn": name for name in resources})
    targets = [each for rule in stack.of_type("AWS::Events::Rule").values() for each in rule["Targets"]]
    assert {target["Id"] for target in targets} == set(CHANNELS)
    assert max(len(target["InputTransformer"]["InputTemplate"]) for target in targets) <= LIMIT_OF_A_TEMPLATE


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize(
    ("audit", "pings"),
    [
        (event_of_audit(COVERED), 1),
        (event_of_audit(COVERED) | {"schedule": None}, 0),
        (event_of_audit(COVERED) | {"schedule": "other"}, 0),
        (event_of_audit(COVERED) | {"connection": "other"}, 0),
        (event_of_audit(UNCOVERED), 0),
        (event_of_audit(EMPTY) | {"schedule": "nightly"}, 0),
    ],
    ids=["covered", "by hand", "of another schedule", "of another connection", "uncovered", "of no instance"],
)
def test_a_ping_is_sent_after_a_scheduled_audit_that_found_each_instance_covered(
    stack: Stack, audit: dict[str, Any], pings: int
) -> None:
    rules = {PING: stack.of_type("AWS::Events::Rule")[PING]}
    assert len(notified_of(rules, lambda bus: [bus.publish_audit(audit)])) == pings


@pytest.mark.usefixtures("_aws")
def test_no_ping_is_sent_after_a_backup_or_a_prune(stack: Stack) -> None:
    rules = {PING: stack.of_type("AWS::Events::Rule")[PING]}
    assert notified_of(rules, lambda bus: bus.publish([event_of(status) for status in Status])) == []
    assert notified_of(rules, lambda bus: [bus.publish_prune({**event_of_audit(COVERED)})]) == []


def test_an_outside_address_is_posted_to_once_a_second_at_most(channels: Stack) -> None:
    destinations = channels.of_type("AWS::Events::ApiDestination")
    assert {name: each["InvocationEndpoint"] for name, each in destinations.items()} == {
        "WebhookDestination": ENABLED["WebhookUrl"],
        "PingDestination": ENABLED["PingUrl"],
    }
    assert {(each["HttpMethod"], each["InvocationRateLimitPerSecond"]) for each in destinations.values()} == {
        ("POST", 1)
    }


def test_the_ping_is_not_sent_the_header_of_the_webhook(channels: Stack) -> None:
    keys = {
        name: each["AuthParameters"]["ApiKeyAuthParameters"]
        for name, each in channels.of_type("AWS::Events::Connection").items()
    }
    assert keys["WebhookConnection"] == {"ApiKeyName": "X-Gaussdb-Backup", "ApiKeyValue": "notification"}
    assert keys["PingConnection"] == {"ApiKeyName": "X-Gaussdb-Backup", "ApiKeyValue": "ping"}
    destinations = channels.of_type("AWS::Events::ApiDestination")
    assert destinations["WebhookDestination"]["ConnectionArn"] == "WebhookConnection.Arn"
    assert destinations["PingDestination"]["ConnectionArn"] == "PingConnection.Arn"


@pytest.mark.parametrize("name", ["WebhookUrl", "WebhookHeaderValue", "PingUrl"])
def test_what_lets_others_write_into_a_channel_is_not_shown_by_cloudformation(
    template: dict[str, Any], name: str
) -> None:
    assert template["Parameters"][name]["NoEcho"] is True


@pytest.mark.parametrize("name", ["WebhookUrl", "PingUrl"])
def test_an_address_is_one_that_eventbridge_takes_as_it_is(template: dict[str, Any], name: str) -> None:
    """An asterisk would be a parameter of its path."""
    pattern = template["Parameters"][name]["AllowedPattern"]
    for address in (
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX",
        "https://prod-12.westeurope.logic.azure.com:443/workflows/a/paths/invoke?api-version=1&sp=%2Ftriggers%2Frun&sig=a_b-c",
        "https://hc-ping.com/0a1b2c3d-0000-0000-0000-000000000000",
    ):
        assert re.fullmatch(pattern, address)
    for address in (
        "http://hooks.example/x",
        "https://",
        "https://a/*",
        "https://a/#b",
        "https://a/%zz",
        "https://a b",
        "https://a\n",
    ):
        assert not re.fullmatch(pattern, address)


@pytest.mark.parametrize(
    ("heading", "language", "golden"),
    [
        ("E-mail", "text", "email_backup_failed.txt"),
        ("Slack and Teams by Amazon Q Developer", "json", "chat_backup_failed.json"),
        ("A webhook of Slack", "text", "webhook_audit_uncovered.json"),
        ("A workflow of Teams", "json", "webhook_backup_failed.json"),
        ("A dead man's switch", "json", "ping_audit_ping.json"),
    ],
)
def test_the_page_shows_the_messages_as_they_arrive(heading: str, language: str, golden: str) -> None:
    text = (FOLDER / golden).read_text()
    if language == "text" and golden.endswith(".json"):
        text = json.loads(text)["text"].rstrip("\n") + "\n"
    assert code_blocks(section(PAGE, heading), language) == [text]


def test_each_parameter_of_a_command_of_the_page_exists(template: dict[str, Any]) -> None:
    commands = [block for block in code_blocks(PAGE, "sh") if "make deploy" in block]
    given = [
        name
        for block in commands
        for name in re.findall(r"[ ']([A-Z]\w+)=", block.partition("--parameter-overrides")[2])
    ]
    assert set(given) <= set(template["Parameters"])
    assert set(given) >= {"NotificationEmail", "ChatNotifications", "WebhookUrl", "PingUrl"}
