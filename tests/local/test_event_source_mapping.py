"""The event source mapping does with a queue what Lambda's does, and passes messages in Lambda's shape."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from local import aws_emulator
from local.aws_emulator.event_source_mapping import EventSourceMapping


@pytest.fixture(scope="module")
def running() -> Iterator[aws_emulator.LocalAws]:
    with aws_emulator.start() as running:
        yield running


@dataclass
class Source:
    """A queue with some messages, and a function that records its events and responds as the test says."""

    sqs: Any
    url: str
    respond: Callable[[dict[str, Any]], Any] = lambda _: None
    events: list[dict[str, Any]] = field(default_factory=list)

    def send(self, *bodies: str, **more: Any) -> list[str]:
        return [self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)["MessageId"] for body in bodies]

    def invoke(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        return self.respond(event)

    def mapping(self, batch_size: int = 10) -> EventSourceMapping:
        return EventSourceMapping(self.url, self.invoke, sqs=self.sqs, batch_size=batch_size)

    def left(self) -> int:
        """How many messages the queue holds, in flight or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)


@pytest.fixture
def source(running: aws_emulator.LocalAws) -> Source:
    sqs = running.client("sqs")
    queue = sqs.create_queue(QueueName=uuid4().hex, Attributes={"VisibilityTimeout": "60"})
    return Source(sqs, queue["QueueUrl"])


def failing(*ids: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in ids]}


def fail(_: object) -> None:
    raise RuntimeError("the function broke")


@pytest.mark.parametrize(
    "response",
    [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}],
    ids=["nothing", "an empty object", "no failures", "null failures"],
)
def test_a_response_without_failures_deletes_the_whole_batch(source: Source, response: Any) -> None:
    sent = source.send("a", "b")
    source.respond = lambda _: response
    delivery = source.mapping().run_once()
    assert (sorted(delivery.deleted), delivery.failed, delivery.error) == (sorted(sent), (), None)
    assert source.left() == 0


def test_messages_reported_as_failed_stay_and_the_others_go(source: Source) -> None:
    first, second, third = source.send("a", "b", "c")
    source.respond = lambda _: failing(second)
    delivery = source.mapping().run_once()
    assert (set(delivery.deleted), delivery.failed) == ({first, third}, (second,))
    assert source.left() == 1


@pytest.mark.parametrize(
    "response",
    [
        "no object",
        ["a list"],
        {"batchItemFailures": "all"},
        failing("unknown-message"),
        failing(None),
        failing(""),
        {"batchItemFailures": [{"wrongKey": "x"}]},
        {"batchItemFailures": ["not an object"]},
        {"batchItemFailures": [{"itemIdentifier": ["x"]}]},
    ],
    ids=repr,
)
def test_a_malformed_response_leaves_the_whole_batch_in_the_queue(source: Source, response: Any) -> None:
    sent = source.send("a", "b")
    source.respond = lambda _: response
    delivery = source.mapping().run_once()
    assert (delivery.deleted, sorted(delivery.failed)) == ((), sorted(sent))
    assert delivery.error is not None
    assert source.left() == 2


def test_an_error_of_the_function_leaves_the_whole_batch_in_the_queue(source: Source) -> None:
    sent = source.send("a", "b")
    source.respond = fail
    delivery = source.mapping().run_once()
    assert (delivery.deleted, sorted(delivery.failed)) == ((), sorted(sent))
    assert str(delivery.error) == "the function broke"
    assert source.left() == 2


def test_a_failed_message_is_not_seen_again_before_its_visibility_timeout(source: Source) -> None:
    [sent] = source.send("a")
    source.respond = lambda _: failing(sent)
    source.mapping().run_once()
    assert not source.mapping().run_once()
    assert len(source.events) == 1


def test_a_message_retried_at_once_is_received_again_with_its_count_raised(source: Source) -> None:
    [sent] = source.send("a")

    def retry_at_once(event: dict[str, Any]) -> dict[str, Any]:
        handle = event["Records"][0]["receiptHandle"]
        source.sqs.change_message_visibility(QueueUrl=source.url, ReceiptHandle=handle, VisibilityTimeout=0)
        return failing(sent)

    source.respond = retry_at_once
    source.mapping().run_once()
    source.respond = lambda _: None
    source.mapping().run_once()
    attributes = [event["Records"][0]["attributes"] for event in source.events]
    assert [each["ApproximateReceiveCount"] for each in attributes] == ["1", "2"]
    assert attributes[0]["SentTimestamp"] == attributes[1]["SentTimestamp"]


@pytest.mark.parametrize(("batch_size", "sizes"), [(5, [5, 5, 2]), (12, [12]), (100, [12])])
def test_batches_are_as_large_as_the_mapping_allows(source: Source, batch_size: int, sizes: list[int]) -> None:
    source.send(*map(str, range(12)))
    source.mapping(batch_size).run_until_empty()
    assert [len(event["Records"]) for event in source.events] == sizes
    assert source.left() == 0


def test_an_empty_queue_invokes_nothing(source: Source) -> None:
    assert not source.mapping().run_once()
    assert source.mapping().run_until_empty() == []
    assert source.events == []


def test_a_record_has_lambdas_names(source: Source) -> None:
    [sent] = source.send('{"a": 1}')
    source.mapping().run_once()
    [record] = source.events[0]["Records"]
    assert (record["messageId"], record["body"]) == (sent, '{"a": 1}')
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "eu-central-1")
    assert record["receiptHandle"]
    assert record["md5OfBody"] == hashlib.md5(b'{"a": 1}', usedforsecurity=False).hexdigest()
    assert record["messageAttributes"] == {}
    assert {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= set(
        record["attributes"]
    )


def test_an_attribute_of_a_message_is_passed_in_lower_camel_case(source: Source) -> None:
    source.send("a", MessageAttributes={"ErrorType": {"DataType": "String", "StringValue": "InvalidRequest"}})
    source.mapping().run_once()
    [record] = source.events[0]["Records"]
    assert record["messageAttributes"]["ErrorType"] == {
        "stringValue": "InvalidRequest",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert len(record["md5OfMessageAttributes"]) == 32


def test_bytes_in_an_attribute_are_passed_in_base64(source: Source) -> None:
    source.send("a", MessageAttributes={"Trace": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    source.mapping().run_once()
    attribute = source.events[0]["Records"][0]["messageAttributes"]["Trace"]
    assert (attribute["binaryValue"], attribute["dataType"]) == ("AP8=", "Binary")


def test_a_record_names_its_queue(source: Source) -> None:
    source.send("a")
    source.mapping().run_once()
    arn = source.events[0]["Records"][0]["eventSourceARN"]
    assert arn == f"arn:aws:sqs:eu-central-1:123456789012:{source.url.rsplit('/', 1)[-1]}"


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(source: Source) -> None:
    """How often, and where to, `test_aws_emulator_stack.py` holds against the template."""
    dead_letter_url = source.sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    attributes = source.sqs.get_queue_attributes(QueueUrl=dead_letter_url, AttributeNames=["QueueArn"])["Attributes"]
    policy = json.dumps({"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": 5})
    source.sqs.set_queue_attributes(QueueUrl=source.url, Attributes={"RedrivePolicy": policy})

    def retry_at_once(event: dict[str, Any]) -> None:
        handle = event["Records"][0]["receiptHandle"]
        source.sqs.change_message_visibility(QueueUrl=source.url, ReceiptHandle=handle, VisibilityTimeout=0)
        fail(event)

    source.send("hopeless")
    source.respond = retry_at_once
    source.mapping().run_until_empty(at_most=100)
    assert len(source.events) == 5
    assert source.left() == 0
    dead = source.sqs.receive_message(QueueUrl=dead_letter_url)["Messages"]
    assert [message["Body"] for message in dead] == ["hopeless"]


def test_eight_workers_at_once_deliver_every_message(source: Source) -> None:
    sent = source.send(*map(str, range(64)))
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        source.mapping(5).run_until_empty()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen = Counter(record["messageId"] for event in source.events for record in event["Records"])
    assert seen == Counter(sent)
    assert source.left() == 0
