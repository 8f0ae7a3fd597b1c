"""What a queue does by itself: a message that is received too often moves, and nobody sends where they may not."""

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.helpers.deployed import DeployedStack

pytestmark = pytest.mark.deployed
SOURCES = {
    "PlanQueue": ("PlanDeadLetterQueue", "DispatchBackupsFunction"),
    "BackupQueue": ("BackupDeadLetterQueue", "CreateBackupFunction"),
    "TrackingQueue": ("TrackingDeadLetterQueue", "TrackBackupsFunction"),
}


@pytest.mark.parametrize("queue", SOURCES)
def test_a_message_whose_function_never_returns_moves_to_the_dead_letter_queue(
    stack: DeployedStack, queue: str
) -> None:
    """Each receive is an attempt; nothing but the queue itself moves the message."""
    sqs, url, text = stack.client("sqs"), stack.resources[queue], f"never returns {uuid4().hex}"
    with stack.stopped(queue):
        sqs.send_message(QueueUrl=url, MessageBody=text)
        for _ in range(1001):
            if not sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages"):
                break
        assert stack.peek(SOURCES[queue][0], text)


@pytest.mark.parametrize("queue", SOURCES)
def test_the_queue_invokes_the_alias_and_takes_its_word_for_single_messages(stack: DeployedStack, queue: str) -> None:
    found = stack.client("lambda").list_event_source_mappings(EventSourceArn=stack.arn_of(queue))
    [mapping] = found["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith(f":{stack.resources[SOURCES[queue][1]]}:live")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_producer_that_may_send_to_every_queue_cannot_forge_a_tracked_backup(stack: DeployedStack) -> None:
    iam = stack.client("iam")
    name = f"producer-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    allow = {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName=name, PolicyName="send", PolicyDocument=document)
    sqs = stack.account.client("sqs", stack.account.keys_of(name))
    denied = {}
    for queue in ("BackupQueue", "TrackingQueue", "TrackingDeadLetterQueue"):
        denied[queue] = code_of(sqs, stack.resources[queue])
    assert denied == {"BackupQueue": None, "TrackingQueue": "AccessDenied", "TrackingDeadLetterQueue": "AccessDenied"}


def code_of(sqs: Any, url: str) -> str | None:
    try:
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
