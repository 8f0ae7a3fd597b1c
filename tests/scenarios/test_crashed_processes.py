"""A function whose process exits in the middle of a request leaves exactly one backup, which is tracked."""

import json
import multiprocessing
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local import aws_emulator, gaussdb_emulator
from tests.helpers.crash import CRASH_POINTS
from tests.helpers.crash_process import EXIT_STATUS, run
from tests.helpers.gaussdb import KEY, ORDERS, PROJECT, make_cloud

pytestmark = pytest.mark.slow

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def running() -> Iterator[aws_emulator.LocalAws]:
    with aws_emulator.start() as running:
        yield running


def run_process(*arguments: Any) -> int | None:
    process = SPAWN.Process(target=run, args=arguments)
    process.start()
    process.join(30)
    return process.exitcode


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_process_that_exits_leaves_one_backup_that_is_tracked(running: aws_emulator.LocalAws, point: str) -> None:
    cloud = make_cloud()
    environment = running.stack.environment("CreateBackupFunction", ALLOW_HTTP_ENDPOINT="true") | running.environment
    environment["TRACK_FIRST_DELAY_SECONDS"] = "1"
    sqs = running.client("sqs")
    url = sqs.create_queue(QueueName=point.replace(" ", "-"))["QueueUrl"]
    environment["TRACKING_QUEUE_URL"] = url
    event = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": datetime.now(UTC).isoformat()}
    with gaussdb_emulator.serve(cloud) as served:
        key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
        secret = {"endpoint": served.url, "project_id": PROJECT, **key}
        running.put_secret("gaussdb-backup/default", json.dumps(secret))
        assert run_process(environment, event, point) == EXIT_STATUS
        assert len(cloud.backups(ORDERS)) == (0 if point == "after the idempotency record" else 1)
        time.sleep(3)  # the record of an execution counts until the function's time is over
        assert run_process(environment, event, None) == 0
    [backup] = cloud.backups(ORDERS)
    tracked: set[str] = set()
    for _ in range(5):
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        tracked |= {json.loads(message["Body"])["backup_id"] for message in messages}
        if tracked:
            break
    assert tracked == {backup.id}
