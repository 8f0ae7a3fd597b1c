"""What waits in the queues, and what was dead-lettered.

SQS reports no age of a message but with the message itself. The dead letters are listed, each hidden for a moment; the
messages of the other queues are left alone, since they are being worked on.
"""

from typing import Any

from gaussdb_backup.reports.texts import show_age
from gaussdb_backup_cli.checks.resources import Subject
from gaussdb_backup_cli.checks.results import Outcome, Result
from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetterQueue
from gaussdb_backup_cli.redrive.listing import list_messages
from gaussdb_backup_cli.redrive.stack_queues import NamedQueue

RUNBOOK = "docs/operations.md"
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def check_queues(subject: Subject) -> Result:
    """How many messages wait; how long they may is the business of the alarms about stalled queues."""
    client, dead = subject.client("sqs"), subject.resources.dead_letter_queues
    urls = {name: url for name, url in subject.resources.of_type("AWS::SQS::Queue").items() if name not in dead}
    parts = []
    for name, url in urls.items():
        visible, hidden, delayed = _count(client, url)
        waiting = f"{visible} waiting" + (f", {delayed} delayed" if delayed else "")
        parts.append(f"{name} {waiting}, {hidden} received" if visible or hidden or delayed else f"{name} empty")
    return Result("queues", Outcome.OK, "; ".join(parts))


def check_dead_letter_queues(subject: Subject) -> Result:
    """Whether they are empty, and if not, how old the oldest message of each is."""
    name, client = "dead-letter queues", subject.client("sqs")
    counts = {each: sum(_count(client, url)) for each, url in subject.resources.dead_letter_queues.items()}
    if not any(counts.values()):
        return Result(name, Outcome.OK, f"{len(counts)} empty")
    details = [f"about {number} in {each}{_describe_age(subject, each)}" for each, number in counts.items() if number]
    action = f"remove the cause ({RUNBOOK}, Queues), then: {subject.actions.ours('redrive')}"
    return Result(name, Outcome.NEEDS_YOU, ", ".join(details), action)


def _count(client: Any, url: str) -> tuple[int, int, int]:
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    visible, hidden, delayed = (int(attributes.get(each, 0)) for each in COUNTS)
    return visible, hidden, delayed


def _describe_age(subject: Subject, name: str) -> str:
    """Return the age of the oldest message; empty where none can be received."""
    url = subject.resources.dead_letter_queues[name]
    listed = list_messages(NamedQueue(name, DeadLetterQueue(subject.client("sqs"), url, "")))
    sent_at = [each.sent_at for each in listed.messages]
    return f", the oldest {show_age(min(sent_at), subject.now)} old" if sent_at else ""
