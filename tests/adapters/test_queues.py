"""Queues, when SQS takes some of a batch, or nothing."""

from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.aws.messages import parse_batch
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.errors import FailedApiCall, GiveUp, InvalidRequest, TryLater
from tests.helpers.clock import Clock
from tests.helpers.in_memory_sqs import MAX_MESSAGE_BYTES, InMemorySqs
from tests.helpers.sqs_event import sqs_batch


class Client:
    """Responds like SQS and EventBridge; refuses what a test says, as often as it says; -1 is a dead connection."""

    def __init__(self, *refusals: int) -> None:
        self._refusals = list(refusals)
        self.sizes: list[int] = []
        self.taken: list[Any] = []

    def _split(self, entries: list[Any]) -> tuple[list[Any], list[Any]]:
        self.sizes.append(len(entries))
        refused = self._refusals.pop(0) if self._refusals else 0
        if refused < 0:
            raise EndpointConnectionError(endpoint_url="https://sqs.test")
        self.taken.extend(entries[refused:])
        return entries[refused:], entries[:refused]

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:
        taken, refused = self._split(Entries)
        return {
            "Successful": [{"Id": entry["Id"]} for entry in taken],
            "Failed": [{"Id": entry["Id"]} for entry in refused],
        }

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:
        return self.send_message_batch(QueueUrl=QueueUrl, Entries=Entries)

    def put_events(self, *, Entries: list[Any]) -> dict[str, Any]:
        _, refused = self._split(Entries)
        return {"Entries": [{"ErrorCode": "Busy"} if entry in refused else {"EventId": "x"} for entry in Entries]}

    def send_message(self, **_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs.test")


def queue(client: Client) -> Queue:
    return Queue("https://sqs.test/q", client=client)  # type: ignore[arg-type]  # the part of it that is used


def test_messages_are_sent_ten_at_a_time() -> None:
    client = Client()
    assert queue(client).send_all([str(number) for number in range(25)]) == [None] * 25
    assert client.sizes == [10, 10, 5]


def test_messages_that_sqs_refuses_are_sent_again() -> None:
    client = Client(3, 0, 1)
    assert queue(client).send_all([str(number) for number in range(15)]) == [None] * 15
    assert client.sizes == [10, 5, 3, 1]
    assert sorted(entry["MessageBody"] for entry in client.taken) == sorted(str(number) for number in range(15))


def test_messages_that_sqs_refuses_three_times_are_reported() -> None:
    assert [bool(refusal) for refusal in queue(Client(1, 1, 1)).send_all(["a", "b"])] == [True, False]


def test_a_dead_connection_takes_nothing_and_is_reported() -> None:
    assert queue(Client(-1)).send_all(["a"]) == ["EndpointConnectionError"]
    with pytest.raises(TryLater, match="took no message"):
        queue(Client()).send("a")


def test_after_a_call_without_response_no_further_call_is_made() -> None:
    client = Client(0, -1)
    refusals = queue(client).send_all([str(number) for number in range(25)])
    assert refusals == [None] * 10 + ["EndpointConnectionError"] * 15
    assert client.sizes == [10, 10]


@pytest.mark.parametrize(("refusals", "left"), [((), 0), ((2,), 0), ((2, 2, 2), 2), ((-1,), 3)])
def test_a_change_of_visibility_that_sqs_refuses_is_repeated_and_then_reported(
    refusals: tuple[int, ...], left: int
) -> None:
    delays = {f"handle-{number}": timedelta(seconds=number) for number in range(3)}
    assert queue(Client(*refusals)).change_visibility(delays) == left


def test_no_message_is_invisible_for_longer_than_sqs_allows() -> None:
    client = Client()
    queue(client).change_visibility({"handle": timedelta(days=1)})
    assert client.taken[0]["VisibilityTimeout"] == 43_200


@pytest.mark.parametrize(
    ("refusals", "taken"), [((), 12), ((3,), 12), ((3, 0, 1, 1), 11), ((-1, -1, -1, -1, -1, -1), 0)]
)
def test_events_that_the_bus_refuses_are_published_again_and_then_reported(
    refusals: tuple[int, ...], taken: int
) -> None:
    bus = EventBus("default", service="s", client=Client(*refusals))  # type: ignore[arg-type]  # the part of it that is used
    assert bus.publish([{"backup_id": str(number)} for number in range(12)]).count(None) == taken


def test_a_longer_delay_than_sqs_allows_is_cut_to_a_quarter_of_an_hour(clock: Clock) -> None:
    sqs = InMemorySqs(clock)
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    Queue(url, client=cast("Any", sqs)).send("later", delay=timedelta(hours=1))
    assert sqs.queue(url).next_visible() == clock() + timedelta(minutes=15)


def dead_letter(clock: Clock, error: Exception, body: str = "body") -> dict[str, str]:
    """The attributes of the dead-lettered message."""
    sqs = InMemorySqs(clock)
    url = sqs.create_queue(QueueName="requests-dead")["QueueUrl"]
    [message] = parse_batch(sqs_batch(body))
    assert Queue(url, client=cast("Any", sqs)).send_dead_letter(message, error) is None
    [dead] = sqs.queue(url).messages.values()
    assert dead.body == body
    return dead.reason


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 5_000, "x" * 1_000),
        ("", "no message"),
        ("\x00", "no message"),
        ("a\x00b\n", "a b"),
        ("ü" * 5_000, "ü" * 500),
        ("x" + "ü" * 5_000, "x" + "ü" * 499),
        ("\ud800\ufffe", "no message"),
    ],
    ids=["long", "empty", "nothing left", "control characters", "bytes", "half of a character", "half of a pair"],
)
def test_the_reason_of_a_dead_lettered_message_is_text_that_sqs_takes(clock: Clock, text: str, kept: str) -> None:
    reason = dead_letter(clock, RuntimeError(text))
    assert (reason["ErrorType"], reason["ErrorMessage"]) == ("RuntimeError", kept)


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("DBS.200019", "DBS.200019"),
        ("a\x00b", "a b"),
        ("x" * 1_200_000, "x" * 128),
        ("\x00", "GiveUp"),
        (None, "GiveUp"),
    ],
    ids=["the API's", "control characters", "1.2 MB", "nothing left", "none"],
)
def test_the_code_of_a_dead_lettered_message_is_one_that_sqs_takes(clock: Clock, code: str | None, kept: str) -> None:
    error = GiveUp("no", api_call=FailedApiCall("create backup", error_code=code))
    assert dead_letter(clock, error)["ErrorCode"] == kept


def test_an_error_of_our_own_has_its_class_as_code(clock: Clock) -> None:
    assert dead_letter(clock, InvalidRequest("plan", []))["ErrorCode"] == "InvalidRequest"


def test_a_message_that_is_too_large_for_its_reason_is_dead_lettered_with_the_class_of_the_error(clock: Clock) -> None:
    reason = dead_letter(clock, RuntimeError("x" * 1_000), body="x" * (MAX_MESSAGE_BYTES - 500))
    assert set(reason) == {"ErrorType", "ScheduledTime"}
    assert reason["ErrorType"] == "RuntimeError"


def test_the_cause_of_a_refusal_is_the_code_of_aws_without_its_text(clock: Clock) -> None:
    sqs: Any = InMemorySqs(clock)
    queue = Queue("https://sqs.test/123456789012/absent", client=sqs)
    assert queue.send_all(["a"]) == ["AWS.SimpleQueueService.NonExistentQueue"]
    with pytest.raises(TryLater, match=r"the queue absent took no message \(AWS.SimpleQueueService.NonExistentQueue\)"):
        queue.send("a")
    [message] = parse_batch(sqs_batch("body"))
    assert queue.send_dead_letter(message, RuntimeError("x")) == "AWS.SimpleQueueService.NonExistentQueue"


@pytest.fixture
def clock() -> Clock:
    return Clock()
