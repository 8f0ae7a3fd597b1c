"""Queues are fair to connections: each message that a function sends is in the group of its connection."""

import json
from datetime import timedelta

import boto3
import pytest

from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetterQueue
from gaussdb_backup_cli.redrive.sending import redrive
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import ORDERS
from tests.helpers.in_memory_sqs import InMemoryQueue
from tests.helpers.scenario import SECRET, Scenario, start_scenario


def groups(queue: InMemoryQueue) -> list[str | None]:
    return [message.group for message in queue.messages.values()]


def put_connection(name: str) -> None:
    client = boto3.client("secretsmanager")
    secret = client.get_secret_value(SecretId=SECRET)["SecretString"]
    client.create_secret(Name=f"gaussdb-backup/{name}", SecretString=secret)


@pytest.mark.parametrize("connection", ["default", "crm"])
def test_requests_and_tracked_backups_of_a_plan_are_in_the_group_of_its_connection(connection: str) -> None:
    with start_scenario() as scenario:
        if connection != "default":
            put_connection(connection)
        scenario.plans.send(json.dumps({"connection": connection, "scheduled_time": RUN.isoformat()}))
        assert scenario.deliver_plans(scenario.function("dispatch_backups"))
        assert groups(scenario.requests) == [connection] * 3
        create = scenario.function("create_backup")
        while scenario.deliver_requests(create):
            pass
        assert groups(scenario.tracking) == [connection] * 3


@pytest.mark.parametrize(
    "body",
    ["no JSON", '{"connection": 5}', json.dumps({"instance_id": ORDERS, "connection": "crm", "name_template": "1"})],
    ids=["malformed", "odd connection", "wrong template"],
)
@pytest.mark.parametrize("group", ["crm", None])
def test_a_message_keeps_its_group_in_the_dead_letter_queue_and_when_it_is_redriven(
    body: str, group: str | None
) -> None:
    """A malformed message names no connection, so its group is not made of its body."""
    with start_scenario() as scenario:
        scenario.requests.send(body, group=group)
        assert scenario.deliver_requests(scenario.function("create_backup"))
        assert groups(scenario.dead_letters) == [group]
        assert redriven_groups(scenario) == [group]


def test_a_tracked_backup_keeps_its_group_in_the_dead_letter_queue() -> None:
    with start_scenario() as scenario:
        scenario.tracking.send("no JSON", group="crm")
        assert scenario.deliver_tracking(scenario.function("track_backups"))
        assert groups(scenario.sqs.queue(scenario.environment["TRACKING_DLQ_URL"])) == ["crm"]


def redriven_groups(scenario: Scenario) -> list[str | None]:
    queue = DeadLetterQueue(scenario.sqs, scenario.dead_letters.url, scenario.requests.url)
    started_at = scenario.clock() + timedelta(seconds=1)
    redriven = redrive(queue, started_at=started_at, wait=timedelta(0), now=lambda: started_at)
    assert not redriven.failed
    return groups(scenario.requests)
