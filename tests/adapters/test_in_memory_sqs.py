"""The queue of the scenarios behaves as SQS does: one suite, on moto's SQS and on the one in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gaussdb_backup.aws.messages import parse_batch
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.errors import GiveUp
from local.aws_emulator.event_source_mapping import EventSourceMapping
from tests.helpers.aws import emulated_aws
from tests.helpers.in_memory_sqs import MAX_MESSAGE_BYTES, InMemorySqs


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["moto", "in memory"])
def sqs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if request.param == "in memory":
        yield InMemorySqs(utc_now)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with emulated_aws():
        yield boto3.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="requests", Attributes={"VisibilityTimeout": "60"})["QueueUrl"])


def receive(sqs: Any, url: str, at_most: int = 10) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=at_most,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        WaitTimeSeconds=0,
    ).get("Messages", [])
    return found


def counts(sqs: Any, url: str) -> tuple[int, int, int]:
    """Visible, delayed, not visible."""
    names = [f"ApproximateNumberOfMessages{state}" for state in ("", "Delayed", "NotVisible")]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, delayed, not_visible = (int(attributes[name]) for name in names)
    return visible, delayed, not_visible


def test_a_message_is_received_as_it_was_sent_and_then_invisible(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send('{"a": "ü"}', attributes={"ErrorType": "GiveUp"})
    [message] = receive(sqs, url)
    assert message["Body"] == '{"a": "ü"}'
    assert message["MessageAttributes"]["ErrorType"]["StringValue"] == "GiveUp"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    assert abs(sent_at - utc_now()) < timedelta(seconds=5)
    assert receive(sqs, url) == []
    assert counts(sqs, url) == (0, 0, 1)


def test_a_delayed_message_is_not_visible_at_first(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send("later", delay=timedelta(seconds=30))
    assert receive(sqs, url) == []
    assert counts(sqs, url) == (0, 1, 0)


def test_all_messages_of_many_batches_are_received(sqs: Any, url: str) -> None:
    bodies = [str(number) for number in range(25)]
    assert Queue(url, client=sqs).send_all(bodies) == [None] * 25
    received = []
    while messages := receive(sqs, url):
        received += [message["Body"] for message in messages]
    assert sorted(received) == sorted(bodies)


def test_a_message_retried_at_once_is_received_again_with_its_count_raised(sqs: Any, url: str) -> None:
    queue = Queue(url, client=sqs)
    queue.send("again")
    [first] = receive(sqs, url)
    assert queue.change_visibility({first["ReceiptHandle"]: timedelta(0)}) == 0
    [second] = receive(sqs, url)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["SentTimestamp"] == first["Attributes"]["SentTimestamp"]


def test_a_longer_visibility_timeout_keeps_a_message_invisible(sqs: Any, url: str) -> None:
    queue = Queue(url, client=sqs)
    queue.send_all(["a", "b"])
    handles = [message["ReceiptHandle"] for message in receive(sqs, url)]
    assert queue.change_visibility(dict.fromkeys(handles, timedelta(minutes=10))) == 0
    assert receive(sqs, url) == []
    assert counts(sqs, url) == (0, 0, 2)


def test_an_unknown_receipt_handle_is_refused_and_the_others_go_on(sqs: Any, url: str) -> None:
    queue = Queue(url, client=sqs)
    queue.send("a")
    [message] = receive(sqs, url)
    delays = {"no such handle": timedelta(0), message["ReceiptHandle"]: timedelta(0)}
    assert queue.change_visibility(delays) == 1
    assert len(receive(sqs, url)) == 1


def test_a_deleted_message_is_gone(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send("a")
    [message] = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, url) == (0, 0, 0)


def test_a_queue_that_is_not_there_takes_nothing(sqs: Any, url: str) -> None:
    assert Queue(f"{url}-absent", client=sqs).send_all(["a"]) != [None]
    with pytest.raises(ClientError):
        receive(sqs, f"{url}-absent")


@pytest.mark.parametrize("number", [0, 11])
def test_a_receive_takes_one_to_ten_messages(sqs: Any, url: str, number: int) -> None:
    with pytest.raises(ClientError):
        receive(sqs, url, number)


def test_a_batch_has_at_most_ten_entries(sqs: Any, url: str) -> None:
    entries = [{"Id": str(number), "MessageBody": "a"} for number in range(11)]
    with pytest.raises(ClientError):
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def test_a_message_keeps_the_group_that_it_was_sent_with(sqs: Any, url: str) -> None:
    queue = Queue(url, client=sqs)
    queue.send("one", group="crm")
    queue.send_all(["two", "three"], group="erp")
    queue.send("four")
    queue.send_all(["five"])
    found = {message["Body"]: message["Attributes"].get("MessageGroupId") for message in receive(sqs, url)}
    assert found == {"one": "crm", "two": "erp", "three": "erp", "four": None, "five": None}


def test_messages_of_one_group_do_not_wait_for_each_other(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send_all(["a", "b"], group="crm")
    assert [len(receive(sqs, url, 1)), len(receive(sqs, url, 1))] == [1, 1]


def test_a_dead_lettered_message_keeps_its_body_its_reason_and_its_run(sqs: Any, url: str) -> None:
    dead_letter_url = sqs.create_queue(QueueName="requests-dead")["QueueUrl"]
    events: list[dict[str, Any]] = []
    Queue(url, client=sqs).send("body")
    EventSourceMapping(url, events.append, sqs=sqs, batch_size=10).run_once()
    [message] = parse_batch(events[0])
    assert Queue(dead_letter_url, client=sqs).send_dead_letter(message, GiveUp("frozen\nfor good")) is None
    [dead] = receive(sqs, dead_letter_url)
    reason = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert dead["Body"] == "body"
    assert reason == {
        "ErrorType": "GiveUp",
        "ErrorCode": "GiveUp",
        "ErrorMessage": "frozen for good",
        "ScheduledTime": message.scheduled_time.isoformat(),
    }


def test_an_event_source_mapping_delivers_and_deletes(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send_all([str(number) for number in range(12)])
    sizes: list[int] = []
    mapping = EventSourceMapping(url, lambda event: sizes.append(len(event["Records"])), sqs=sqs, batch_size=5)
    mapping.run_until_empty()
    assert sizes == [5, 5, 2]
    assert counts(sqs, url) == (0, 0, 0)


def test_a_batch_of_messages_keeps_their_attributes_and_is_deleted_together(sqs: Any, url: str) -> None:
    run = {"ScheduledTime": {"DataType": "String", "StringValue": "2026-11-23T01:30:00+00:00"}}
    entries = [{"Id": str(number), "MessageBody": "a", "MessageAttributes": run} for number in range(3)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    messages = receive(sqs, url)
    assert [message["MessageAttributes"]["ScheduledTime"]["StringValue"] for message in messages] == [
        "2026-11-23T01:30:00+00:00"
    ] * 3
    handles = [{"Id": str(index), "ReceiptHandle": m["ReceiptHandle"]} for index, m in enumerate(messages)]
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 3
    assert counts(sqs, url) == (0, 0, 0)


def test_a_receiver_may_choose_how_long_a_message_is_invisible(sqs: Any, url: str) -> None:
    Queue(url, client=sqs).send("a")
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert len(receive(sqs, url)) == 1
    assert receive(sqs, url) == []


def test_a_message_has_at_most_one_mebibyte(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x" * MAX_MESSAGE_BYTES)
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url, MessageBody="x" * (MAX_MESSAGE_BYTES + 1))
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize("text", ["a\x00b", "a\x1fb", "\ufffe"])
def test_the_queue_in_memory_refuses_the_characters_that_sqs_refuses(text: str) -> None:
    """Moto takes them."""
    sqs = InMemorySqs(utc_now)
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    attribute = {"DataType": "String", "StringValue": text}
    for message in ({"MessageBody": text}, {"MessageBody": "body", "MessageAttributes": {"ErrorMessage": attribute}}):
        with pytest.raises(ClientError, match="InvalidMessageContents"):
            sqs.send_message(QueueUrl=url, **message)


@pytest.mark.parametrize("group", ["", "a b", "ü", "x" * 129])
def test_the_queue_in_memory_refuses_the_groups_that_sqs_refuses(group: str) -> None:
    """Moto takes them."""
    sqs = InMemorySqs(utc_now)
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=url, MessageBody="body", MessageGroupId=group)


def test_the_queue_in_memory_counts_attributes_to_the_size_as_sqs_does() -> None:
    """Moto does not."""
    sqs = InMemorySqs(utc_now)
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    attributes = {"ErrorMessage": {"DataType": "String", "StringValue": "x" * 100}}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=url, MessageBody="x" * (MAX_MESSAGE_BYTES - 100), MessageAttributes=attributes)
