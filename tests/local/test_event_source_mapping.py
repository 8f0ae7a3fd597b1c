"""The pump does with a queue what Lambda's event source mapping does, and hands over messages in Lambda's shape."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from local import aws_emulator
from local.aws_emulator.event_source_mapping import Pump


@pytest.fixture(scope="module")
def running() -> Iterator[aws_emulator.LocalAws]:
    with aws_emulator.start() as running:
        yield running


@dataclass
class Source:
    """A queue with some messages, and a function that remembers its events and answers as told."""

    sqs: Any
    url: str
    answer: Callable[[dict[str, Any]], Any] = lambda _: None
    events: list[dict[str, Any]] = field(default_factory=list)

    def send(self, *bodies: str, **more: Any) -> list[str]:
        return [self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)["MessageId"] for body in bodies]

    def invoke(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        return self.answer(event)

    def pump(self, batch_size: int = 10) -> Pump:
        return Pump(self.url, self.invoke, sqs=self.sqs, batch_size=batch_size)

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
    "answer",
    [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}],
    ids=["nothing", "an empty object", "no failures", "null failures"],
)
def test_an_answer_without_failures_takes_the_whole_batch_from_the_queue(source: Source, answer: Any) -> None:
    sent = source.send("a", "b")
    source.answer = lambda _: answer
    delivered = source.pump().run_once()
    assert (sorted(delivered.done), delivered.failed, delivered.error) == (sorted(sent), (), None)
    assert source.left() == 0


def test_messages_reported_as_failed_stay_and_the_others_go(source: Source) -> None:
    first, second, third = source.send("a", "b", "c")
    source.answer = lambda _: failing(second)
    delivered = source.pump().run_once()
    assert (set(delivered.done), delivered.failed) == ({first, third}, (second,))
    assert source.left() == 1


@pytest.mark.parametrize(
    "answer",
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
def test_a_malformed_answer_leaves_the_whole_batch_in_the_queue(source: Source, answer: Any) -> None:
    sent = source.send("a", "b")
    source.answer = lambda _: answer
    delivered = source.pump().run_once()
    assert (delivered.done, sorted(delivered.failed)) == ((), sorted(sent))
    assert delivered.error is not None
    assert source.left() == 2


def test_an_error_of_the_function_leaves_the_whole_batch_in_the_queue(source: Source) -> None:
    sent = source.send("a", "b")
    source.answer = fail
    delivered = source.pump().run_once()
    assert (delivered.done, sorted(delivered.failed)) == ((), sorted(sent))
    assert str(delivered.error) == "the function broke"
    assert source.left() == 2


def test_a_failed_message_is_not_seen_again_before_its_visibility_timeout(source: Source) -> None:
    [sent] = source.send("a")
    source.answer = lambda _: failing(sent)
    source.pump().run_once()
    assert not source.pump().run_once()
    assert len(source.events) == 1


def test_a_message_put_back_at_once_comes_again_with_its_count_raised(source: Source) -> None:
    [sent] = source.send("a")

    def put_back(event: dict[str, Any]) -> dict[str, Any]:
        handle = event["Records"][0]["receiptHandle"]
        source.sqs.change_message_visibility(QueueUrl=source.url, ReceiptHandle=handle, VisibilityTimeout=0)
        return failing(sent)

    source.answer = put_back
    source.pump().run_once()
    source.answer = lambda _: None
    source.pump().run_once()
    attributes = [event["Records"][0]["attributes"] for event in source.events]
    assert [each["ApproximateReceiveCount"] for each in attributes] == ["1", "2"]
    assert attributes[0]["SentTimestamp"] == attributes[1]["SentTimestamp"]


@pytest.mark.parametrize(("batch_size", "sizes"), [(5, [5, 5, 2]), (12, [12]), (100, [12])])
def test_batches_are_as_large_as_the_mapping_allows(source: Source, batch_size: int, sizes: list[int]) -> None:
    source.send(*map(str, range(12)))
    source.pump(batch_size).run_until_empty()
    assert [len(event["Records"]) for event in source.events] == sizes
    assert source.left() == 0


def test_an_empty_queue_invokes_nothing(source: Source) -> None:
    assert not source.pump().run_once()
    assert source.pump().run_until_empty() == []
    assert source.events == []


def test_a_record_has_lambdas_names(source: Source) -> None:
    [sent] = source.send('{"a": 1}')
    source.pump().run_once()
    [record] = source.events[0]["Records"]
    assert (record["messageId"], record["body"]) == (sent, '{"a": 1}')
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "eu-central-1")
    assert record["receiptHandle"]
    assert record["md5OfBody"] == hashlib.md5(b'{"a": 1}', usedforsecurity=False).hexdigest()
    assert record["messageAttributes"] == {}
    assert {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= set(
        record["attributes"]
    )


def test_an_attribute_of_a_message_is_handed_over_in_lower_camel_case(source: Source) -> None:
    source.send("a", MessageAttributes={"ErrorType": {"DataType": "String", "StringValue": "InvalidRequest"}})
    source.pump().run_once()
    [record] = source.events[0]["Records"]
    assert record["messageAttributes"]["ErrorType"] == {
        "stringValue": "InvalidRequest",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert len(record["md5OfMessageAttributes"]) == 32


def test_bytes_in_an_attribute_are_handed_over_in_base64(source: Source) -> None:
    source.send("a", MessageAttributes={"Trace": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    source.pump().run_once()
    attribute = source.events[0]["Records"][0]["messageAttributes"]["Trace"]
    assert (attribute["binaryValue"], attribute["dataType"]) == ("AP8=", "Binary")


def test_a_record_names_the_queue_it_comes_from(source: Source) -> None:
    source.send("a")
    source.pump().run_once()
    arn = source.events[0]["Records"][0]["eventSourceARN"]
    assert arn == f"arn:aws:sqs:eu-central-1:123456789012:{source.url.rsplit('/', 1)[-1]}"


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(
    running: aws_emulator.LocalAws, source: Source
) -> None:
    """The stack's own queue: as many deliveries as the template says, then it is set aside."""
    source.url = running.stack.resources["BackupQueue"]
    policy = running.stack.template["Resources"]["BackupQueue"]["Properties"]["RedrivePolicy"]

    def put_back(event: dict[str, Any]) -> None:
        handle = event["Records"][0]["receiptHandle"]
        source.sqs.change_message_visibility(QueueUrl=source.url, ReceiptHandle=handle, VisibilityTimeout=0)
        fail(event)

    source.send("hopeless")
    source.answer = put_back
    source.pump().run_until_empty(at_most=2_000)
    assert len(source.events) == policy["maxReceiveCount"]
    assert source.left() == 0
    dead = source.sqs.receive_message(QueueUrl=running.stack.resources["BackupDeadLetterQueue"])["Messages"]
    assert [message["Body"] for message in dead] == ["hopeless"]


def test_eight_workers_at_once_deliver_every_message(source: Source) -> None:
    sent = source.send(*map(str, range(64)))
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        source.pump(5).run_until_empty()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen = Counter(record["messageId"] for event in source.events for record in event["Records"])
    assert seen == Counter(sent)
    assert source.left() == 0
