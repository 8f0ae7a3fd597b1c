"""Starting and ending the AWS side leaves nothing behind: moto's state is the process's."""

import os

import pytest

from local import aws_emulator
from local.aws_emulator.stack import STACK_NAME
from local.isolation import isolated


def test_a_new_start_knows_nothing_of_the_last_one() -> None:
    with aws_emulator.start() as first:
        first.client("sqs").create_queue(QueueName="left-over")
    with aws_emulator.start() as second:
        assert [each for each in second.client("sqs").list_queues()["QueueUrls"] if "left-over" in each] == []


def test_nothing_stays_in_the_environment_after_the_end() -> None:
    before = dict(os.environ)
    with aws_emulator.start():
        pass
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}


def test_a_parameter_that_the_template_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="Connektion"), aws_emulator.start(Connektion="demo"):
        pass


def test_a_resource_that_the_parameters_leave_out_is_neither_listed_nor_created() -> None:
    with aws_emulator.start() as running:
        summaries = running.client("cloudformation").list_stack_resources(StackName=STACK_NAME)
        listed = {each["LogicalResourceId"] for each in summaries["StackResourceSummaries"]}
        alarms = running.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK_NAME}-run")["MetricAlarms"]
        schedules = {each["Name"] for each in running.client("scheduler").list_schedules()["Schedules"]}
    assert schedules == {f"{STACK_NAME}-nightly", f"{STACK_NAME}-audit"}
    assert alarms == []
    assert {"NightlySchedule", "AuditMissingAlarm"} <= listed
    assert not {"PruneSchedule", "RunMissingAlarm"} & listed


def test_what_the_user_has_set_up_for_the_real_clouds_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is not there makes boto3 fail, and a proxy would take calls to this machine."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "POWERTOOLS_LOG_LEVEL"):
        monkeypatch.setenv(name, "theirs")
    for name in ("AWS_ENDPOINT_URL_SQS", "HTTP_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = dict(os.environ)
    with isolated({"GREETING": "hello"}), aws_emulator.start() as running:
        assert running.client("sqs").list_queues()["QueueUrls"]
        assert os.environ["GREETING"] == "hello"
        assert not {"AWS_PROFILE", "POWERTOOLS_LOG_LEVEL", "HTTP_PROXY", "https_proxy"} & set(os.environ)
    assert dict(os.environ) == before
