"""A redrive sends each dead-lettered message once, with the run that it belongs to, loses none, and ends."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetterQueue
from gaussdb_backup_cli.redrive.sending import Redriven, redrive, time_of_sqs
from tests.helpers.aws import emulated_aws
from tests.helpers.in_memory_sqs import InMemorySqs

RUN = "2026-11-23T01:30:00+00:00"
ENOUGH_CALLS = 15
"""More calls than a redrive of twelve messages makes."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Sqs:
    """A client that behaves like another one, but for what a test adds before or after a call."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with emulated_aws():
        yield


class TickingClock:
    """A clock that is a little later each time that it is read: SQS stamps messages with whole milliseconds."""

    def __init__(self) -> None:
        self._time = utc_now()

    def __call__(self) -> datetime:
        self._time += timedelta(milliseconds=2)
        return self._time


@pytest.fixture(params=["moto", "in memory"])
def clock(request: pytest.FixtureRequest) -> Callable[[], datetime]:
    """The clock of SQS."""
    return TickingClock() if request.param == "in memory" else utc_now


@pytest.fixture
def sqs(clock: Callable[[], datetime], request: pytest.FixtureRequest) -> Any:
    if isinstance(clock, TickingClock):
        return InMemorySqs(clock)
    request.getfixturevalue("aws")
    return boto3.client("sqs")


@pytest.fixture
def dead(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="requests-dead")["QueueUrl"])


@pytest.fixture
def requests(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="requests")["QueueUrl"])


def send(sqs: Any, url: str, bodies: Sequence[str], run: str | None = None) -> None:
    attributes = {"ScheduledTime": {"DataType": "String", "StringValue": run}} if run else {}
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)


def received(sqs: Any, url: str) -> list[tuple[str, str | None]]:
    """The body of each message that is visible, and the run that its attribute names."""
    found: list[tuple[str, str | None]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
    ).get("Messages"):
        for message in messages:
            attribute = message.get("MessageAttributes", {}).get("ScheduledTime", {})
            found.append((message["Body"], attribute.get("StringValue")))
    return found


def bodies(sqs: Any, url: str) -> list[str]:
    return sorted(body for body, _ in received(sqs, url))


type Run = Callable[[Any], Redriven]


@pytest.fixture
def run(dead: str, requests: str, clock: Callable[[], datetime]) -> Run:
    """Redrive without waiting for messages: the queues of these tests answer at once."""
    return lambda sqs: redrive(DeadLetterQueue(sqs, dead, requests), started_at=clock(), wait=timedelta(0), now=clock)


def error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)


# What is sent


def test_a_message_keeps_the_run_that_it_names(sqs: Any, dead: str, requests: str, run: Run) -> None:
    send(sqs, dead, ["body"], run=RUN)
    assert str(run(sqs)) == "1 sent again"
    assert received(sqs, requests) == [("body", RUN)]
    assert str(run(sqs)) == "0 sent again"


def test_a_message_keeps_its_group(sqs: Any, dead: str, requests: str, run: Run) -> None:
    sqs.send_message(QueueUrl=dead, MessageBody="one", MessageGroupId="crm")
    sqs.send_message(QueueUrl=dead, MessageBody="two")
    assert str(run(sqs)) == "2 sent again"
    received = sqs.receive_message(
        QueueUrl=requests, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    groups = {message["Body"]: message.get("Attributes", {}).get("MessageGroupId") for message in received}
    assert groups == {"one": "crm", "two": None}


def test_a_message_that_sqs_moved_belongs_to_when_it_was_sent(sqs: Any, dead: str, requests: str, run: Run) -> None:
    before = utc_now()
    send(sqs, dead, ["body"])
    run(sqs)
    [(_, scheduled_time)] = received(sqs, requests)
    assert scheduled_time is not None
    assert abs(datetime.fromisoformat(scheduled_time) - before) < timedelta(seconds=5)


@pytest.mark.parametrize("clock", [TickingClock()], ids=["in memory"])  # moto takes minutes for a thousand
def test_each_of_a_thousand_messages_is_sent_once(sqs: Any, dead: str, requests: str, run: Run) -> None:
    expected = sorted(str(number) for number in range(1000))
    send(sqs, dead, expected)
    assert str(run(sqs)) == "1000 sent again"
    assert bodies(sqs, requests) == expected
    assert bodies(sqs, dead) == []


class TooLongTogether(Sqs):
    """SQS refuses a batch whose messages are longer together than one message may be."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        if len(Entries) > 1:
            raise error("AWS.SimpleQueueService.BatchRequestTooLong", "SendMessageBatch")
        return self._client.send_message_batch(QueueUrl=QueueUrl, Entries=Entries)


def test_messages_that_are_too_long_together_are_sent_one_by_one(sqs: Any, dead: str, requests: str, run: Run) -> None:
    send(sqs, dead, ["a", "b", "c"])
    assert str(run(TooLongTogether(sqs))) == "3 sent again"
    assert bodies(sqs, requests) == ["a", "b", "c"]


# When it ends


class ComesBackAtOnce(Sqs):
    """A queue whose consumer dead-letters each message as soon as it is sent."""

    def __init__(self, client: Any, dead: str) -> None:
        super().__init__(client)
        self._dead = dead
        self.sent: list[str] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        response = self._client.send_message_batch(QueueUrl=QueueUrl, Entries=Entries)
        for entry in Entries:
            self.sent.append(entry["MessageBody"])
            self._client.send_message(
                QueueUrl=self._dead, MessageBody=entry["MessageBody"], MessageAttributes=entry["MessageAttributes"]
            )
        assert len(self.sent) < 100, "it chases its own tail"
        return response


def test_messages_that_come_back_at_once_are_sent_once_and_left(sqs: Any, dead: str, requests: str, run: Run) -> None:
    expected = sorted(str(number) for number in range(12))
    send(sqs, dead, expected, run=RUN)
    queues = ComesBackAtOnce(sqs, dead)
    redriven = run(queues)
    assert sorted(queues.sent) == expected
    assert str(redriven) == "12 sent again; 12 left (newer than this redrive)"
    assert not redriven.failed
    assert sorted(received(sqs, dead)) == [(body, RUN) for body in expected]


class AlwaysAnotherOne(Sqs):
    """A dead-letter queue that a message reaches before each receive, two seconds after the last."""

    def __init__(self, client: Any, dead: str, time: datetime) -> None:
        super().__init__(client)
        self._dead = dead
        self.time = time

    def receive_message(self, **arguments: Any) -> Any:
        self.time += timedelta(seconds=2)
        send(self._client, self._dead, ["newer"])
        return self._client.receive_message(**arguments)


def test_messages_that_keep_arriving_do_not_keep_it_going(
    sqs: Any, dead: str, requests: str, clock: Callable[[], datetime]
) -> None:
    send(sqs, dead, ["older"])
    started_at = clock()
    queues: Any = AlwaysAnotherOne(sqs, dead, started_at)
    queue = DeadLetterQueue(queues, dead, requests)
    redriven = redrive(queue, started_at=started_at, wait=timedelta(0), now=lambda: queues.time)
    assert bodies(sqs, requests) == ["older"]
    assert 50 < len(redriven.left) == len(bodies(sqs, dead)) < 100


class ShortEmpties(Sqs):
    """SQS that finds nothing on the servers which it queries, two times of three."""

    receives = 0

    def receive_message(self, **arguments: Any) -> Any:
        self.receives += 1
        return {} if self.receives % 3 else self._client.receive_message(**arguments)


def test_two_empty_responses_do_not_end_it(sqs: Any, dead: str, requests: str, run: Run) -> None:
    expected = sorted(str(number) for number in range(25))
    send(sqs, dead, expected)
    assert str(run(ShortEmpties(sqs))) == "25 sent again"
    assert bodies(sqs, requests) == expected


class Recorded(Sqs):
    """A client whose waits for messages are recorded."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.waits: list[int] = []

    def receive_message(self, **arguments: Any) -> Any:
        self.waits.append(arguments["WaitTimeSeconds"])
        return self._client.receive_message(**{**arguments, "WaitTimeSeconds": 0})


def test_it_waits_for_messages_so_that_all_servers_of_sqs_are_queried(sqs: Any, dead: str, requests: str) -> None:
    queues: Any = Recorded(sqs)
    redrive(DeadLetterQueue(queues, dead, requests), started_at=utc_now(), now=utc_now)
    assert len(queues.waits) == 3
    assert all(1 <= wait <= 20 for wait in queues.waits)


# What is left


def test_a_message_that_another_receiver_holds_is_left_and_counted(
    sqs: Any, dead: str, requests: str, run: Run
) -> None:
    send(sqs, dead, ["held"])
    assert sqs.receive_message(QueueUrl=dead)["Messages"]
    send(sqs, dead, ["free"])
    redriven = run(sqs)
    assert str(redriven).startswith("1 sent again; about 1 not received (does another receiver hold them?")
    assert bodies(sqs, requests) == ["free"]


class Refuses(Sqs):
    """A queue that refuses one of the messages, always."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        taken = [entry for entry in Entries if entry["MessageBody"] != "odd"]
        response = self._client.send_message_batch(QueueUrl=QueueUrl, Entries=taken) if taken else {}
        refused = [{"Id": e["Id"], "Code": "InvalidMessageContents"} for e in Entries if e["MessageBody"] == "odd"]
        return {**response, "Failed": refused}


def test_a_refused_message_is_left_with_the_cause_and_visible_and_the_others_are_sent(
    sqs: Any, dead: str, requests: str, run: Run
) -> None:
    send(sqs, dead, ["a", "odd", "b"])
    redriven = run(Refuses(sqs))
    assert str(redriven) == "2 sent again; 1 left (InvalidMessageContents)"
    assert redriven.failed
    assert bodies(sqs, requests) == ["a", "b"]
    assert bodies(sqs, dead) == ["odd"]


class RefusesToDelete(Sqs):
    """A queue that delivers at once what was received, and deletes nothing."""

    def receive_message(self, **arguments: Any) -> Any:
        return self._client.receive_message(**{**arguments, "VisibilityTimeout": 0})

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        raise error("AccessDenied", "DeleteMessageBatch")


def test_a_message_that_is_not_deleted_is_sent_once_by_one_redrive(
    sqs: Any, dead: str, requests: str, run: Run
) -> None:
    send(sqs, dead, ["a"])
    redriven = run(RefusesToDelete(sqs))
    assert str(redriven).startswith("1 sent again; 1 left (sent, but not deleted: An error occurred (AccessDenied)")
    assert redriven.failed
    assert bodies(sqs, requests) == ["a"]
    assert bodies(sqs, dead) == ["a"]


class StopsAnswering(Sqs):
    """A queue that can be read once."""

    receives = 0

    def receive_message(self, **arguments: Any) -> Any:
        self.receives += 1
        if self.receives > 1:
            raise error("AccessDenied", "ReceiveMessage")
        return self._client.receive_message(**arguments)


def test_a_queue_that_can_be_read_no_more_ends_it_with_what_was_done(
    sqs: Any, dead: str, requests: str, run: Run
) -> None:
    send(sqs, dead, ["a"])
    redriven = run(StopsAnswering(sqs))
    assert str(redriven).startswith("1 sent again; stopped: An error occurred (AccessDenied)")
    assert redriven.failed
    assert bodies(sqs, requests) == ["a"]


class DeliversTwice(Sqs):
    """SQS, which may deliver a message once more although it was deleted."""

    again: Any = None

    def receive_message(self, **arguments: Any) -> Any:
        if self.again:
            response, self.again = self.again, None
            return response
        response = self.again = self._client.receive_message(**arguments)
        return response


def test_a_message_that_is_delivered_again_is_not_sent_again(sqs: Any, dead: str, requests: str, run: Run) -> None:
    send(sqs, dead, ["a", "b"])
    assert str(run(DeliversTwice(sqs))) == "2 sent again"
    assert bodies(sqs, requests) == ["a", "b"]


class Killed(Sqs):
    """A client that ends its process before or after its n-th call, and whenever it is called later."""

    def __init__(self, client: Any, calls: int, *, after: bool) -> None:
        super().__init__(client)
        self._calls = calls
        self._after = after

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self._calls -= 1
            if self._calls < 0 or (self._calls == 0 and not self._after):
                raise KeyboardInterrupt
            response = getattr(self._client, name)(**arguments)
            if self._calls == 0:
                raise KeyboardInterrupt
            return response

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before a call", "after a call"])
def test_killed_at_any_call_it_has_lost_no_message(after: bool) -> None:
    expected = {str(number) for number in range(12)}
    for calls in range(1, ENOUGH_CALLS):
        sqs = InMemorySqs(TickingClock())
        dead, requests = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "requests"))
        send(sqs, dead, sorted(expected))
        with suppress(KeyboardInterrupt):
            killed: Any = Killed(sqs, calls, after=after)
            queue = DeadLetterQueue(killed, dead, requests)
            redrive(queue, started_at=utc_now() + timedelta(seconds=5), now=utc_now, wait=timedelta(0))
        kept = Counter(message.body for url in (dead, requests) for message in sqs.queue(url).messages.values())
        assert set(kept) == expected
        assert max(kept.values()) <= 2


# The time at which it began


class TimeOfSqs(Sqs):
    """SQS by its own clock, which its answers carry in whole seconds."""

    def __init__(self, time: datetime) -> None:
        super().__init__(None)
        self.second = time.replace(microsecond=0)

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        date = format_datetime(self.second, usegmt=True)
        return {"Attributes": {}, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)], ids=str)
def test_a_wrong_clock_of_this_machine_neither_leaves_old_messages_nor_sends_new_ones_again(ahead: timedelta) -> None:
    sqs = TimeOfSqs(utc_now() - ahead)
    assert timedelta(0) <= time_of_sqs(sqs, "url", now=utc_now()) - sqs.second <= timedelta(seconds=1)
