"""`gaussdb-backup redrive`: dead letters are listed without being disturbed, and sent again with --yes only."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.messages import SCHEDULED_TIME_ATTRIBUTE
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup_cli.redrive import dead_letter_queue
from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetter
from gaussdb_backup_cli.redrive.listing import MOST, describe
from gaussdb_backup_cli.redrive.stack_queues import DEAD_LETTER_QUEUES, OTHERS
from tests.helpers.command_line import Ran, StackUnderTest, hold_to_golden
from tests.helpers.gaussdb import ORDERS
from tests.helpers.stack_in_moto import Wrapped, refusal

RUN = "2026-11-23T01:30:00+00:00"
REQUEST = {"instance_id": ORDERS, "connection": "default", "schedule": "nightly"}


@pytest.fixture
def queues(stack: StackUnderTest) -> StackUnderTest:
    """A stack whose queues response at once."""
    sqs = boto3.client("sqs")
    stack.change("sqs", receive_message=lambda **each: sqs.receive_message(**{**each, "WaitTimeSeconds": 0}))
    return stack


def put(stack: StackUnderTest, queue: str, body: Any, **attributes: str) -> str:
    """Put a message into a dead-letter queue, as the functions do; return its id."""
    given = {"ErrorType": "FixRequest", "ErrorCode": "DBS.280234", "ErrorMessage": "it is frozen", "ScheduledTime": RUN}
    texts = attributes or given
    sent = boto3.client("sqs").send_message(
        QueueUrl=stack.outputs[f"{queue}Url"],
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={key: {"DataType": "String", "StringValue": value} for key, value in texts.items()},
    )
    return str(sent["MessageId"])


def counts(stack: StackUnderTest, queue: str) -> tuple[int, int]:
    """How many messages of a queue are visible, and how many are not."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stack.outputs[f"{queue}Url"]
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def test_the_attribute_of_the_run_is_the_one_that_the_functions_read() -> None:
    assert dead_letter_queue.SCHEDULED_TIME_ATTRIBUTE == SCHEDULED_TIME_ATTRIBUTE


def test_every_dead_letter_queue_of_the_template_is_known(stack: StackUnderTest) -> None:
    named = {name.removesuffix("Url") for name in stack.outputs if name.endswith("QueueUrl")}
    assert named == {*DEAD_LETTER_QUEUES, *DEAD_LETTER_QUEUES.values(), *OTHERS}


# Listing


def test_without_dead_letters_all_is_well(queues: StackUnderTest) -> None:
    for options in ((), ("--list",), ("--yes",)):
        assert queues.run("redrive", *options).code == 0
    assert queues.run("redrive").stdout == "No dead letters: 5 queues empty.\n"


@pytest.mark.parametrize("options", [(), ("--list",)], ids=["nothing", "--list"])
def test_messages_are_listed_with_their_age_their_instance_and_their_reason(
    queues: StackUnderTest, options: tuple[str, ...]
) -> None:
    id_ = put(queues, "BackupDeadLetterQueue", REQUEST)
    queues.now = lambda: datetime.now(UTC) + timedelta(hours=7)
    ran = queues.run("redrive", *options)
    assert ran.code == 3
    lines = ran.stdout.splitlines()
    assert lines[:3] == ["DEAD LETTERS  1", "", "BackupDeadLetterQueue: 1"]
    assert lines[3].startswith(f"  {id_[:8]}  7 h ago, 20")
    assert lines[3].endswith(f" CET  instance {ORDERS}  plan nightly") or " CEST " in lines[3]
    assert lines[4] == "            FixRequest DBS.280234: it is frozen"
    assert lines[-2:] == ["Remove the cause, then send them again:", "  gaussdb-backup redrive --yes"]
    assert ran.stderr == "1 listed; they are visible in their queues again\n"


def test_listing_disturbs_nothing(queues: StackUnderTest) -> None:
    for number in range(25):
        put(queues, "BackupDeadLetterQueue", {**REQUEST, "connection": str(number)})
    for _ in range(2):
        assert len(queues.run("redrive", "--json").result["messages"]) == 25
        assert counts(queues, "BackupDeadLetterQueue") == (25, 0)
    assert counts(queues, "BackupQueue") == (0, 0)


def test_messages_are_visible_again_after_a_failure(queues: StackUnderTest) -> None:
    for number in range(12):
        put(queues, "BackupDeadLetterQueue", str(number))
    receive, calls = queues.client("sqs").receive_message, []

    def fail_later(**arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            raise refusal("ServiceUnavailable", "ReceiveMessage")
        return receive(**arguments)

    queues.change("sqs", receive_message=fail_later)
    ran = queues.run("redrive", "--queue", "requests")
    assert ran.code == 1
    assert "no dead-letter queue can be read: An error occurred (ServiceUnavailable)" in ran.stderr
    assert counts(queues, "BackupDeadLetterQueue") == (12, 0)


def test_messages_are_hidden_for_a_moment_only(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    receive, hidden = queues.client("sqs").receive_message, []

    def record(**arguments: Any) -> Any:
        hidden.append(arguments["VisibilityTimeout"])
        return receive(**arguments)

    queues.change("sqs", receive_message=record)
    queues.run("redrive")
    assert set(hidden) == {30}


def test_a_message_that_another_receiver_holds_is_counted(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    assert boto3.client("sqs").receive_message(QueueUrl=queues.outputs["BackupDeadLetterQueueUrl"])["Messages"]
    ran = queues.run("redrive")
    assert ran.code == 3
    assert "about 1 more: another receiver holds them, or there are too many to list" in ran.stdout


def test_of_very_many_messages_the_first_are_listed(queues: StackUnderTest) -> None:
    def receive(**arguments: Any) -> Any:
        start = len(received)
        received.extend(range(10))
        entry = {"ReceiptHandle": "h", "Body": "{}", "Attributes": {"SentTimestamp": "1700000000000"}}
        return {"Messages": [{**entry, "MessageId": f"{start + index}"} for index in range(10)]}

    received: list[int] = []
    attributes = {"ApproximateNumberOfMessages": "5000", "ApproximateNumberOfMessagesNotVisible": "0"}
    queues.change(
        "sqs",
        receive_message=receive,
        get_queue_attributes=lambda **_: {"Attributes": attributes},
        change_message_visibility_batch=lambda **_: {},
    )
    ran = queues.run("redrive", "--queue", "requests", "--json")
    assert len(ran.result["messages"]) == MOST
    assert ran.result["queues"][0]["not_received"] == 4000


def test_messages_that_cannot_be_sent_again_have_what_to_do_about_them(queues: StackUnderTest) -> None:
    failure = {"errorType": "InvalidRequest", "errorMessage": "keep: no rule"}
    put(
        queues, "FailedInvocationsQueue", {"requestPayload": {"schedule": "nightly"}, "responsePayload": failure}, a="b"
    )
    event = {"detail": {"instance_id": ORDERS, "status": "FAILED"}}
    put(queues, "NotificationDeadLetterQueue", event, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed")
    ran = queues.run("redrive")
    assert ran.code == 3
    assert "InvalidRequest: keep: no rule" in ran.stdout
    assert "→ envelopes of invocations, not requests: docs/operations.md, section Failed invocations" in ran.stdout
    assert "NO_PERMISSIONS: not allowed" in ran.stdout
    assert "section Notification dead-letter queue" in ran.stdout
    assert "send them again" not in ran.stdout


def test_ids_and_a_queue_choose_what_is_listed(queues: StackUnderTest) -> None:
    one, _ = (put(queues, "BackupDeadLetterQueue", REQUEST) for _ in range(2))
    put(queues, "PlanDeadLetterQueue", {"schedule": "nightly"})
    listed = queues.run("redrive", one[:13], "--json").result
    assert [each["message_id"] for each in listed["messages"]] == [one]
    assert len(queues.run("redrive", "--queue", "plans", "--json").result["messages"]) == 1
    assert "gaussdb-backup redrive --queue plans --yes" in queues.run("redrive", "--queue", "plans").stdout
    absent = queues.run("redrive", "no-such-id")
    assert (absent.code, absent.stdout) == (0, "No dead letters: 5 queues empty.\n")


def test_the_json_form(queues: StackUnderTest) -> None:
    sqs = boto3.client("sqs")
    response = {
        "Messages": [
            {
                "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
                "ReceiptHandle": "handle",
                "Body": json.dumps(REQUEST),
                "Attributes": {"SentTimestamp": "1795484000000"},
                "MessageAttributes": {
                    "ErrorType": {"StringValue": "GiveUp", "DataType": "String"},
                    "ScheduledTime": {"StringValue": RUN, "DataType": "String"},
                },
            }
        ]
    }

    def receive(**arguments: Any) -> Mapping[str, Any]:
        return response if arguments["QueueUrl"] == queues.outputs["BackupDeadLetterQueueUrl"] else {}

    queues.clients["sqs"] = Wrapped(sqs, receive_message=receive, change_message_visibility_batch=lambda **_: {})
    ran = queues.run("redrive", "--json")
    assert ran.code == 3
    hold_to_golden(ran, "redrive")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_fits_the_terminal_and_no_text_steers_it(queues: StackUnderTest, width: int) -> None:
    reason = {"ErrorType": "GiveUp", "ErrorMessage": "a\tb " + "word " * 50}
    body = {"instance_id": "a\x1b[2J\nb", "schedule": "n" * 64}
    put(queues, "BackupDeadLetterQueue", body, **reason)
    put(queues, "BackupDeadLetterQueue", "no JSON", **reason)
    ran = queues.run("redrive", width=width)
    assert "a�[2J�b" in ran.stdout.replace("\n            ", "")
    assert "\x1b" not in ran.stdout
    assert "body of another form" in " ".join(ran.stdout.split())
    assert max(len(line) for line in ran.stdout.splitlines()) <= max(width, 12 + 64)


@pytest.mark.parametrize(
    ("body", "attributes", "expected"),
    [
        (REQUEST, {"ScheduledTime": RUN}, (ORDERS, "nightly", RUN, None)),
        ({**REQUEST, "scheduled_time": "2026-11-22T01:30:00Z"}, {}, (ORDERS, "nightly", "2026-11-22T01:30:00Z", None)),
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, {}, (None, None, "sent", None)),
        ([], {}, (None, None, "sent", None)),
        ({"instance_id": 5, "detail": "no object"}, {"ErrorType": "X"}, (None, None, "sent", "X")),
        ("[" * 100_000, {}, (None, None, "sent", None)),
    ],
    ids=["run by attribute", "run by body", "no time", "a list", "odd fields", "deep"],
)
def test_what_a_message_is_about(body: Any, attributes: dict[str, str], expected: tuple[str | None, ...]) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    message = DeadLetter(
        "id", "handle", text, datetime.now(UTC), attributes.get("ScheduledTime", "sent"), None, attributes
    )
    subject = describe(message)
    assert (subject.instance_id, subject.schedule, subject.scheduled_time, subject.error_type) == expected


# Sending


def test_with_yes_each_message_is_sent_to_its_queue_with_its_run(queues: StackUnderTest) -> None:
    for queue, dead in DEAD_LETTER_QUEUES.items():
        put(queues, dead, {"for": queue})
    ran = queues.run("redrive", "--yes")
    assert ran.code == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{dead}: 1 sent again" for dead in DEAD_LETTER_QUEUES.values()]
    for queue in DEAD_LETTER_QUEUES:
        [message] = boto3.client("sqs").receive_message(
            QueueUrl=queues.outputs[f"{queue}Url"], MessageAttributeNames=["All"]
        )["Messages"]
        assert json.loads(message["Body"]) == {"for": queue}
        assert message["MessageAttributes"]["ScheduledTime"]["StringValue"] == RUN


def test_what_the_functions_dead_letter_is_sent_again_with_its_group(queues: StackUnderTest) -> None:
    sqs = boto3.client("sqs")
    Queue(queues.outputs["BackupDeadLetterQueueUrl"], client=sqs).send("{}", group="crm", attributes={"ErrorType": "X"})
    queues.run("redrive", "--yes")
    [message] = sqs.receive_message(
        QueueUrl=queues.outputs["BackupQueueUrl"], MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "crm"


def test_of_one_queue_alone(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    put(queues, "TrackingDeadLetterQueue", {})
    ran = queues.run("redrive", "--yes", "--queue", "requests")
    assert (ran.code, ran.stdout) == (0, "BackupDeadLetterQueue: 1 sent again\n")
    assert counts(queues, "TrackingDeadLetterQueue") == (1, 0)


def test_of_the_named_messages_alone(queues: StackUnderTest) -> None:
    one, _, three = (put(queues, "BackupDeadLetterQueue", {"n": number}) for number in range(3))
    ran = queues.run("redrive", one, three[:13], "--yes")
    assert ran.code == 0
    assert "BackupDeadLetterQueue: 2 sent again; 1 left (not named)" in ran.stdout
    assert counts(queues, "BackupDeadLetterQueue") == (1, 0)
    assert counts(queues, "BackupQueue") == (2, 0)


def test_an_id_that_no_message_has_needs_you(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    ran = queues.run("redrive", "no-such-id", "--yes")
    assert ran.code == 3
    assert ran.stderr == "not sent again: no-such-id\n"
    assert counts(queues, "BackupQueue") == (0, 0)


def test_messages_that_cannot_be_sent_again_are_left_and_need_you(queues: StackUnderTest) -> None:
    put(queues, "FailedInvocationsQueue", {"requestPayload": {}})
    ran = queues.run("redrive", "--yes")
    assert ran.code == 3
    assert "FailedInvocationsQueue: 1 left  → envelopes of invocations" in ran.stdout
    assert counts(queues, "FailedInvocationsQueue") == (1, 0)


def refused(result: Ran, queue: str) -> Any:
    [found] = [each for each in result.result["queues"] if each["queue"] == queue]
    return found


def test_a_message_that_is_refused_is_left_with_the_cause_and_needs_you(queues: StackUnderTest) -> None:
    put(queues, "TrackingDeadLetterQueue", {})

    def refuse(**_: Any) -> Any:
        raise refusal("AccessDenied", "SendMessageBatch")

    queues.change("sqs", send_message_batch=refuse)
    ran = queues.run("redrive", "--yes", "--json")
    assert ran.code == 3
    tracking = refused(ran, "TrackingDeadLetterQueue")
    assert (tracking["sent"], tracking["count"]) == (0, 1)
    assert "AccessDenied" in tracking["left"][0]["reason"]
    assert counts(queues, "TrackingDeadLetterQueue") == (1, 0)
    hold_to_golden(ran, "redrive_yes")
    assert "Remove the cause, then run it again." in queues.run("redrive", "--yes").stdout


# What is refused


@pytest.mark.parametrize("options", [("--list", "--yes"), ("",), ("--queue", "other")], ids=["both", "empty", "queue"])
def test_what_contradicts_itself_is_a_wrong_command_line(queues: StackUnderTest, options: tuple[str, ...]) -> None:
    ran = queues.run("redrive", *options)
    assert (ran.code, ran.stdout) == (2, "")


@pytest.mark.parametrize("options", [(), ("--yes",)], ids=["list", "--yes"])
@pytest.mark.parametrize("service", ["cloudformation", "sqs"])
def test_what_aws_refuses_is_one_line(queues: StackUnderTest, service: str, options: tuple[str, ...]) -> None:
    def refuse(**_: Any) -> Any:
        raise refusal("AccessDenied", "Anything")

    queues.change(service, describe_stacks=refuse, get_queue_attributes=refuse, receive_message=refuse)
    ran = queues.run("redrive", *options)
    assert (ran.code, ran.stdout) == (1, "")
    assert "AccessDenied" in ran.stderr
    assert "\n  → get " in ran.stderr


def test_one_queue_that_cannot_be_read_is_named_beside_the_others(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    receive, url = queues.client("sqs").receive_message, queues.outputs["PlanDeadLetterQueueUrl"]

    def refuse(**arguments: Any) -> Any:
        if arguments["QueueUrl"] == url:
            raise refusal("AccessDenied", "ReceiveMessage")
        return receive(**arguments)

    queues.change("sqs", receive_message=refuse)
    ran = queues.run("redrive")
    assert ran.code == 3
    assert "FAILED  it could not be read: An error occurred (AccessDenied)" in ran.stdout
    assert "it is frozen" in ran.stdout


def test_a_stack_that_is_older_than_an_output_is_one_line(queues: StackUnderTest) -> None:
    del queues.outputs["NotificationDeadLetterQueueUrl"]
    ran = queues.run("redrive", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (1, "", "older_stack")


def test_what_was_sent_is_reported_though_another_queue_cannot_be_read(queues: StackUnderTest) -> None:
    put(queues, "BackupDeadLetterQueue", REQUEST)
    sqs = queues.client("sqs")

    def refuse(**arguments: Any) -> Any:
        if arguments["QueueUrl"] == queues.outputs["FailedInvocationsQueueUrl"]:
            raise refusal("AccessDenied", "GetQueueAttributes")
        return sqs.get_queue_attributes(**arguments)

    queues.change("sqs", get_queue_attributes=refuse)
    ran = queues.run("redrive", "--yes")
    assert "BackupDeadLetterQueue: 1 sent again" in ran.stdout
    assert "note: FailedInvocationsQueue could not be read" in ran.stderr
    assert ran.code == 0
