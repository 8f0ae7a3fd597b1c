"""Two stacks in one account and region do not meet: no name, metric, event or artefact of one is the other's."""

import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.domain.tracking import Status
from local.aws_emulator.stack import Stack, default_parameters
from tests.helpers.aws import emulated_aws
from tests.helpers.coverage_samples import COVERED, UNCOVERED, event_of_audit
from tests.helpers.deployment import SETTINGS
from tests.helpers.emitted_telemetry import event_of
from tests.project.conftest import ATTRIBUTES

NAMES = ("backups", "backups-test")
REFERENCES = {"EventBusName", "DisplayName", "GroupName", "MetricName"}
"""Properties that name something else than the resource itself, or are only shown."""
NAMED_AFTER_THEIR_LOGICAL_ID = {
    "AWS::Serverless::LayerVersion": "LayerName",
    "AWS::Serverless::Function": "FunctionName",
}
"""What SAM gives the same name in each stack, or a name that the log group could not have, if the template has none."""


@pytest.fixture(scope="module")
def stacks(template: dict[str, Any]) -> list[Stack]:
    """The template, resolved for two names of a stack. Resources without a name are named by AWS, uniquely."""

    def resolved(name: str) -> Stack:
        ids = {each: f"{name}/{each}" for each in template["Resources"]}
        attributes = {f"{each}.{attribute}": f"{name}/{each}.{attribute}" for each in ids for attribute in ATTRIBUTES}
        return Stack(template, default_parameters(template) | {"AWS::StackName": name}, ids, attributes)

    return [resolved(name) for name in NAMES]


def physical_names(stack: Stack) -> dict[str, str]:
    """Each name that the template gives to a resource, by resource and property."""
    return {
        f"{logical_id}.{name}": value
        for kind in {resource["Type"] for resource in stack.template["Resources"].values()}
        for logical_id, properties in stack.of_type(kind).items()
        for name, value in properties.items()
        if name.endswith("Name") and isinstance(value, str) and name not in REFERENCES
    }


def metrics_in(value: Any) -> Iterator[dict[str, str]]:
    """The dimensions of each metric of this application, wherever it is read."""
    if isinstance(value, dict):
        if value.get("Namespace") == "GaussDBBackup":
            yield {each["Name"]: each["Value"] for each in value["Dimensions"]}
        for each in value.values():
            yield from metrics_in(each)
    elif isinstance(value, list):
        if value[:1] == ["GaussDBBackup"]:
            words = [word for word in value[2:] if isinstance(word, str)]
            yield dict(zip(words[::2], words[1::2], strict=True))
        for each in value:
            yield from metrics_in(each)


def test_no_resource_has_the_same_name_in_both(stacks: list[Stack]) -> None:
    first, second = (physical_names(stack) for stack in stacks)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] == second[name]] == []
    assert all(NAMES[0] in value for value in first.values())


def test_what_sam_would_name_alike_has_a_name(stacks: list[Stack]) -> None:
    for kind, name in NAMED_AFTER_THEIR_LOGICAL_ID.items():
        assert all(name in properties for properties in stacks[0].of_type(kind).values()), kind


def test_the_functions_report_under_the_name_of_their_stack(stacks: list[Stack]) -> None:
    for name, stack in zip(NAMES, stacks, strict=True):
        for function in stack.of_type("AWS::Serverless::Function"):
            assert stack.environment(function)["POWERTOOLS_SERVICE_NAME"] == name


def test_alarms_and_dashboard_read_only_metrics_of_their_stack(stacks: list[Stack]) -> None:
    for name, stack in zip(NAMES, stacks, strict=True):
        [dashboard] = stack.of_type("AWS::CloudWatch::Dashboard").values()
        read = [
            *metrics_in(stack.of_type("AWS::CloudWatch::Alarm")),
            *metrics_in(json.loads(dashboard["DashboardBody"])),
        ]
        assert {dimensions["service"] for dimensions in read} == {name}


def test_a_failure_in_one_stack_does_not_notify_the_topic_of_the_other(
    stacks: list[Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both publish on the account's default bus; moto evaluates the patterns."""
    for variable in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, SETTINGS[variable])
    with emulated_aws():
        events, sqs = boto3.client("events"), boto3.client("sqs")
        topics = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in NAMES}
        for name, stack in zip(NAMES, stacks, strict=True):
            for logical_id, rule in stack.of_type("AWS::Events::Rule").items():
                events.put_rule(Name=f"{name}-{logical_id}", EventPattern=json.dumps(rule["EventPattern"]))
                arn = f"arn:aws:sqs:eu-central-1:123456789012:{name}"
                events.put_targets(Rule=f"{name}-{logical_id}", Targets=[{"Id": "topic", "Arn": arn}])
        bus = EventBus("default", service=NAMES[0], client=events)
        assert not any(bus.publish([event_of(status) for status in Status]))
        assert not any(bus.publish_audit(event_of_audit(coverage)) for coverage in (COVERED, UNCOVERED))
        notified = {
            name: len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
            for name, url in topics.items()
        }
    audits, pings = len((COVERED, UNCOVERED)), len((COVERED,))
    failures = len([status for status in Status if status.is_failure])
    assert notified == {NAMES[0]: failures + audits + pings, NAMES[1]: 0}


def test_no_value_is_exported(template: dict[str, Any]) -> None:
    """The name of an export is one for the whole account and region."""
    assert [name for name, output in template["Outputs"].items() if "Export" in output] == []


def test_sam_stores_the_artefacts_of_each_stack_under_its_name(root: Path) -> None:
    saved = tomllib.loads((root / "samconfig.toml").read_text())["default"]
    assert saved["deploy"]["parameters"]["s3_prefix"] == saved["global"]["parameters"]["stack_name"]
    command = ["make", "--dry-run", "deploy", "STACK=other", "ARGS=--region eu-central-1"]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    deploy, check = printed.rstrip().splitlines()[-2:]
    assert deploy.endswith('sam deploy --stack-name "other" --s3-prefix "other" --region eu-central-1')
    assert check.endswith('tools.command_line doctor --after-deploy --stack-name "other" --region eu-central-1')
