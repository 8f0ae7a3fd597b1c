"""Send dead-lettered requests again: `make redrive STACK=gaussdb-backup`, with your AWS credentials.

Each message keeps the scheduled time of its run, as an attribute, so that a backup that it may have started is found
and not made twice. `aws sqs start-message-move-task` does the same for messages whose body has a `scheduled_time`, as
those of a schedule have; one without would then belong to the time at which it was moved.
"""

import sys
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.messages import SCHEDULED_TIME_ATTRIBUTE

MAX_MESSAGES = 100_000


def redrive(sqs: Any, *, dead_letter_queue_url: str, queue_url: str) -> int:  # noqa: ANN401 - a boto3 client
    """Move every message back to its queue; return how many. Stopped half-way, it has moved each at least once."""
    for moved in range(MAX_MESSAGES):
        response = sqs.receive_message(
            QueueUrl=dead_letter_queue_url,
            MaxNumberOfMessages=1,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=[SCHEDULED_TIME_ATTRIBUTE],
        )
        if not (messages := response.get("Messages")):
            return moved
        [message] = messages
        attributes = {SCHEDULED_TIME_ATTRIBUTE: {"DataType": "String", "StringValue": scheduled_time(message)}}
        sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"], MessageAttributes=attributes)
        sqs.delete_message(QueueUrl=dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"])
    return MAX_MESSAGES


def scheduled_time(message: dict[str, Any]) -> str:
    """Return the scheduled time of the run that a message belongs to, or else when it was sent.

    A message that SQS itself moved, after too many deliveries, keeps the time at which it was first sent.
    """
    if known := message.get("MessageAttributes", {}).get(SCHEDULED_TIME_ATTRIBUTE):
        return str(known["StringValue"])
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, tz=UTC).isoformat()


def main(stack: str) -> None:
    """Redrive the requests of a stack; what makes that impossible is one line."""
    try:
        moved = redrive_stack(stack)
    except (BotoCoreError, ClientError, KeyError) as error:
        sys.exit(f"redrive: {error}: check the stack's name, the region and your permissions.")
    print(f"{moved} messages sent again")  # noqa: T201 - for the person who typed the command


def redrive_stack(stack: str) -> int:
    """Redrive the requests of a stack; return how many. Raises what AWS raises, and `KeyError` for another stack."""
    outputs = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    urls = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return redrive(
        boto3.client("sqs"), dead_letter_queue_url=urls["BackupDeadLetterQueueUrl"], queue_url=urls["BackupQueueUrl"]
    )


if __name__ == "__main__":
    main(sys.argv[1])
