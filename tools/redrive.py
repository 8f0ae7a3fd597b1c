"""Send dead letters again: `make redrive STACK=gaussdb-backup`, with your AWS credentials.

Each letter keeps the run it belongs to, as an attribute, so that a backup it may have begun is found and not made
twice. `aws sqs start-message-move-task` does the same for letters whose body names a `scheduled_time`, as those of a
schedule do; one without would then belong to the time it was moved.
"""

import sys
from datetime import UTC, datetime
from typing import Any

import boto3

RUN_TIME = "ScheduledTime"
MOST = 100_000


def redrive(sqs: Any, *, letters_url: str, queue_url: str) -> int:  # noqa: ANN401 - a boto3 client
    """Move every letter back to its queue; return how many. Stopped half-way, it has moved each at least once."""
    for moved in range(MOST):
        answer = sqs.receive_message(
            QueueUrl=letters_url,
            MaxNumberOfMessages=1,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=[RUN_TIME],
        )
        if not (letters := answer.get("Messages")):
            return moved
        [letter] = letters
        attribute = {"DataType": "String", "StringValue": run_time(letter)}
        sqs.send_message(QueueUrl=queue_url, MessageBody=letter["Body"], MessageAttributes={RUN_TIME: attribute})
        sqs.delete_message(QueueUrl=letters_url, ReceiptHandle=letter["ReceiptHandle"])
    return MOST


def run_time(letter: dict[str, Any]) -> str:
    """Return the run a letter belongs to: as it says itself, or else when its message was sent.

    A message that SQS itself moved, after too many deliveries, keeps the time at which it was first sent.
    """
    if known := letter.get("MessageAttributes", {}).get(RUN_TIME):
        return str(known["StringValue"])
    return datetime.fromtimestamp(int(letter["Attributes"]["SentTimestamp"]) / 1000, tz=UTC).isoformat()


def main(stack: str) -> None:
    """Move the letters of a stack's requests."""
    outputs = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    urls = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    moved = redrive(boto3.client("sqs"), letters_url=urls["BackupDeadLetterQueueUrl"], queue_url=urls["BackupQueueUrl"])
    print(f"{moved} dead letters sent again")  # noqa: T201 - for the person who typed the command


if __name__ == "__main__":
    main(sys.argv[1])
