"""Starting and ending the AWS side leaves nothing behind: moto's state is the process's."""

import os

from local import aws


def test_a_new_start_knows_nothing_of_the_last_one() -> None:
    with aws.start() as first:
        first.client("sqs").create_queue(QueueName="left-over")
    with aws.start() as second:
        assert [each for each in second.client("sqs").list_queues()["QueueUrls"] if "left-over" in each] == []


def test_nothing_stays_in_the_environment_after_the_end() -> None:
    before = dict(os.environ)
    with aws.start():
        pass
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
