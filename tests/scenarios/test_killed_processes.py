"""A function whose process exits in the middle of a request leaves exactly one backup, which is followed."""

import json
import multiprocessing
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local import aws_emulator, gaussdb_emulator
from tests.scenarios.dying import EXIT, run
from tests.support import KEY, ORDERS, PROJECT, make_cloud

SPAWN = multiprocessing.get_context("spawn")
POINTS = ("after the claim", "after the POST", "after the tracking message", "before the answer")


@pytest.fixture(scope="module")
def running() -> Iterator[aws_emulator.LocalAws]:
    with aws_emulator.start() as running:
        yield running


def run_process(*arguments: Any) -> int | None:
    process = SPAWN.Process(target=run, args=arguments)
    process.start()
    process.join(30)
    return process.exitcode


@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_exits_leaves_one_backup_that_is_followed(running: aws_emulator.LocalAws, point: str) -> None:
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
        assert run_process(environment, event, point) == EXIT
        assert len(cloud.backups(ORDERS)) == (0 if point == "after the claim" else 1)
        time.sleep(2)  # the claim of a function ends with the function's time
        assert run_process(environment, event, None) == 0
    [backup] = cloud.backups(ORDERS)
    followed: set[str] = set()
    for _ in range(5):
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        followed |= {json.loads(message["Body"])["backup_id"] for message in messages}
        if followed:
            break
    assert followed == {backup.id}
