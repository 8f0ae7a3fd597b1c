"""The local stack has the settings that template.yaml deploys, and functions can use it."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from gaussdb_backup.settings import CreateSettings, DispatchSettings, TrackSettings, read_settings
from local import aws_emulator
from local.__main__ import sam_local_variables
from local.aws_emulator.stack import Stack


@pytest.fixture(scope="module")
def running() -> Iterator[aws_emulator.LocalAws]:
    with aws_emulator.start(LogLevel="WARNING") as running:
        yield running


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return aws_emulator.read_template()


def queues(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    resources = template["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == "AWS::SQS::Queue"}


def attributes(running: aws_emulator.LocalAws, queue: str) -> dict[str, str]:
    url = running.stack.resources[queue]
    found: dict[str, str] = running.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    return found


def test_every_queue_of_the_template_exists_at_a_local_address(
    running: aws_emulator.LocalAws, template: dict[str, Any]
) -> None:
    assert queues(template)
    for name in queues(template):
        assert running.stack.resources[name].startswith(running.endpoint)


def test_visibility_and_retention_are_the_deployed_ones(
    running: aws_emulator.LocalAws, template: dict[str, Any]
) -> None:
    for name, properties in queues(template).items():
        found = attributes(running, name)
        assert found["MessageRetentionPeriod"] == str(running.stack.resolve(properties["MessageRetentionPeriod"]))
        assert found["VisibilityTimeout"] == str(properties.get("VisibilityTimeout", 30))


def test_redrive_policies_are_the_deployed_ones(running: aws_emulator.LocalAws, template: dict[str, Any]) -> None:
    policies = {name: each["RedrivePolicy"] for name, each in queues(template).items() if "RedrivePolicy" in each}
    assert policies
    for name, policy in policies.items():
        found = json.loads(attributes(running, name)["RedrivePolicy"])
        target = policy["deadLetterTargetArn"]["Fn::GetAtt"]
        dead_letter_queue = (target if isinstance(target, str) else target[0]).split(".")[0]
        assert int(found["maxReceiveCount"]) == policy["maxReceiveCount"]
        assert found["deadLetterTargetArn"] == attributes(running, dead_letter_queue)["QueueArn"]


@pytest.mark.parametrize("function", ["CreateBackupFunction", "TrackBackupsFunction"])
def test_the_environment_of_a_function_has_its_settings(running: aws_emulator.LocalAws, function: str) -> None:
    environment = running.stack.environment(function, ALLOW_HTTP_ENDPOINT="true")
    assert environment["ALLOW_HTTP_ENDPOINT"] == "true"
    assert environment["TRACKING_QUEUE_URL"] == running.stack.resources["TrackingQueue"]
    assert environment["STATE_TABLE"] == running.stack.resources["StateTable"]
    assert environment["SECRET_PREFIX"] == "gaussdb-backup/"
    assert environment["POWERTOOLS_LOG_LEVEL"] == "WARNING"


def test_the_variables_for_sam_local_have_the_settings_of_every_function(running: aws_emulator.LocalAws) -> None:
    variables = sam_local_variables(running)
    for model in (CreateSettings, DispatchSettings, TrackSettings):
        assert read_settings(model, variables).allow_http_endpoint
    assert variables["AWS_ENDPOINT_URL"] == running.endpoint


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Unknown"},
        {"Fn::Sub": "${Unknown.Arn}"},
        {"Fn::GetAtt": ["BackupQueue", "Address"]},
        {"Fn::ImportValue": "x"},
    ],
    ids=str,
)
def test_a_reference_or_a_function_that_cannot_be_resolved_is_an_error(
    running: aws_emulator.LocalAws, value: Any
) -> None:
    with pytest.raises(KeyError):
        running.stack.resolve(value)


def test_references_are_resolved_at_any_depth_and_other_values_are_unchanged() -> None:
    stack = Stack({}, {"Period": "300"}, {"Queue": "url"}, {"Queue.Arn": "arn"})
    value = {
        "a": [{"Ref": "Queue"}, {"Fn::GetAtt": ["Queue", "Arn"]}],
        "b": {"c": {"Ref": "Period"}},
        "d": 1,
        "e": True,
    }
    assert stack.resolve(value) == {"a": ["url", "arn"], "b": {"c": "300"}, "d": 1, "e": True}


def test_a_variable_of_a_text_may_be_empty_and_hides_a_parameter() -> None:
    stack = Stack({}, {"Name": "parameter", "Other": "o"})
    assert stack.resolve({"Fn::Sub": ["<${Name}${Other}>", {"Name": ""}]}) == "<o>"


def test_pseudo_parameters_are_resolved(running: aws_emulator.LocalAws) -> None:
    text = running.stack.resolve(
        {"Fn::Sub": "arn:${AWS::Partition}:x:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}"}
    )
    assert text == "arn:aws:x:eu-central-1:123456789012:gaussdb-backup"
    assert attributes(running, "BackupQueue")["QueueArn"].startswith("arn:aws:sqs:eu-central-1:123456789012:gaussdb-")


def test_the_payload_of_the_schedule_has_the_parameters(running: aws_emulator.LocalAws) -> None:
    payload = json.loads(running.stack.schedule_input("NightlySchedule"))
    assert payload["select"] == {"instance_ids": None, "name_pattern": "*", "tags": {}}
    assert payload["connection"] == "default"
    assert payload["scheduled_time"] == "<aws.scheduler.scheduled-time>"


def test_a_secret_can_be_stored_and_rotated(running: aws_emulator.LocalAws) -> None:
    for text in ("first", "second"):
        running.put_secret("gaussdb-backup/default", text)
        assert running.client("secretsmanager").get_secret_value(SecretId="gaussdb-backup/default")[
            "SecretString"
        ] == text  # fmt: skip


def test_the_environment_makes_boto3_use_the_stack(
    running: aws_emulator.LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    urls = boto3.session.Session().client("sqs").list_queues()["QueueUrls"]
    assert running.stack.resources["BackupQueue"] in urls
