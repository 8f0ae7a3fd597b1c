"""Messages that are redriven keep the run that they belong to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools.redrive import main, redrive

RUN = "2026-11-23T01:30:00+00:00"


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("sqs")


def queues(sqs: Any) -> tuple[str, str]:
    return sqs.create_queue(QueueName="requests-dead")["QueueUrl"], sqs.create_queue(QueueName="requests")["QueueUrl"]


def received(sqs: Any, url: str) -> list[tuple[str, str]]:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages", []
    )
    return [(message["Body"], message["MessageAttributes"]["ScheduledTime"]["StringValue"]) for message in messages]


def test_a_message_keeps_the_run_that_it_names(sqs: Any) -> None:
    dead, requests = queues(sqs)
    attributes = {
        "ScheduledTime": {"DataType": "String", "StringValue": RUN},
        "ErrorType": {"DataType": "String", "StringValue": "X"},
    }
    sqs.send_message(QueueUrl=dead, MessageBody="body", MessageAttributes=attributes)
    assert redrive(sqs, dead_letter_queue_url=dead, queue_url=requests) == 1
    assert received(sqs, requests) == [("body", RUN)]
    assert redrive(sqs, dead_letter_queue_url=dead, queue_url=requests) == 0


def test_a_message_that_sqs_moved_belongs_to_when_it_was_sent(sqs: Any) -> None:
    dead, requests = queues(sqs)
    before = datetime.now(UTC)
    sqs.send_message(QueueUrl=dead, MessageBody="body")
    redrive(sqs, dead_letter_queue_url=dead, queue_url=requests)
    [(_, run)] = received(sqs, requests)
    assert abs((datetime.fromisoformat(run) - before).total_seconds()) < 5


def test_every_message_is_moved(sqs: Any) -> None:
    dead, requests = queues(sqs)
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    assert redrive(sqs, dead_letter_queue_url=dead, queue_url=requests) == 25
    attributes = sqs.get_queue_attributes(QueueUrl=requests, AttributeNames=["ApproximateNumberOfMessages"])
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "25"


def test_the_command_finds_the_queues_of_a_stack_by_its_outputs(sqs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    template = """{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "D": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"BackupQueueUrl": {"Value": {"Ref": "Q"}}, "BackupDeadLetterQueueUrl": {"Value": {"Ref": "D"}}}}"""
    boto3.client("cloudformation").create_stack(StackName="ours", TemplateBody=template)
    outputs = boto3.client("cloudformation").describe_stacks(StackName="ours")["Stacks"][0]["Outputs"]
    dead = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "BackupDeadLetterQueueUrl")
    sqs.send_message(QueueUrl=dead, MessageBody="body")
    main("ours")
    assert capsys.readouterr().out == "1 messages sent again\n"


def test_a_stack_that_is_not_there_is_one_line(sqs: Any) -> None:
    with pytest.raises(SystemExit, match="redrive: .*absent.*: check the stack's name"):
        main("absent")
