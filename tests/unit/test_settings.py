"""Settings: one frozen object for each function, all problems at once."""

from datetime import timedelta

import pytest

from gaussdb_backup.errors import InvalidSettings
from gaussdb_backup.settings import CreateSettings, DispatchSettings, Settings, TrackSettings, read_settings

COMMON = {
    "SECRET_PREFIX": "gaussdb-backup/",
    "HTTP_TIMEOUT_SECONDS": "10",
    "STATE_TABLE": "state",
    "POWERTOOLS_SERVICE_NAME": "gaussdb-backup",
    "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
}
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/"
OF_CREATE = {
    "BACKUP_QUEUE_URL": f"{QUEUE}requests",
    "BACKUP_DLQ_URL": f"{QUEUE}requests-dead",
    "START_WINDOW_SECONDS": "14400",
    "TRACKING_QUEUE_URL": f"{QUEUE}tracking",
    "TRACK_FIRST_DELAY_SECONDS": "60",
    "TRACK_DEADLINE_SECONDS": "21600",
}
OF_DISPATCH = {
    "PLAN_QUEUE_URL": f"{QUEUE}plans",
    "PLAN_DLQ_URL": f"{QUEUE}plans-dead",
    "START_WINDOW_SECONDS": "14400",
    "BACKUP_QUEUE_URL": f"{QUEUE}requests",
}
OF_TRACK = {
    "TRACKING_QUEUE_URL": f"{QUEUE}tracking",
    "TRACKING_DLQ_URL": f"{QUEUE}tracking-dead",
    "TRACK_FIRST_DELAY_SECONDS": "60",
    "TRACK_MAX_DELAY_SECONDS": "600",
    "EVENT_BUS_NAME": "default",
}
EACH = [(CreateSettings, OF_CREATE), (DispatchSettings, OF_DISPATCH), (TrackSettings, OF_TRACK)]


def test_settings_are_read_from_variables_of_their_name() -> None:
    settings = read_settings(TrackSettings, {**COMMON, **OF_TRACK, "METRICS_PER_INSTANCE": "true", "UNRELATED": "x"})
    assert settings.http_timeout_seconds == timedelta(seconds=10)
    assert settings.metrics_per_instance is True
    assert settings.allow_http_endpoint is False


@pytest.mark.parametrize(("model", "own"), EACH)
def test_all_problems_are_reported_at_once_by_the_names_of_the_variables(
    model: type[Settings], own: dict[str, str]
) -> None:
    wrong = {"HTTP_TIMEOUT_SECONDS": "soon", "METRICS_PER_INSTANCE": "maybe", "POWERTOOLS_LOG_LEVEL": "LOUD"}
    with pytest.raises(InvalidSettings) as raised:
        read_settings(model, wrong)
    assert {problem.field for problem in raised.value.problems} == {*COMMON, *own, *wrong}
    assert "METRICS_PER_INSTANCE: expected true or false; got 'maybe'" in str(raised.value)


@pytest.mark.parametrize(("model", "own"), EACH)
def test_a_function_needs_its_own_settings_and_no_other_functions(model: type[Settings], own: dict[str, str]) -> None:
    assert type(read_settings(model, {**COMMON, **own})) is model
    for name in own:
        with pytest.raises(InvalidSettings, match=f"invalid settings: {name}: expected"):
            read_settings(model, {**COMMON, **own, name: ""})


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e999"])
def test_a_timeout_must_be_a_duration(seconds: str) -> None:
    with pytest.raises(InvalidSettings, match="HTTP_TIMEOUT_SECONDS"):
        read_settings(DispatchSettings, {**COMMON, **OF_DISPATCH, "HTTP_TIMEOUT_SECONDS": seconds})


@pytest.mark.parametrize("number", ["0", "-1", "501", "1.5", "many", "1e3"])
def test_the_limit_of_backups_per_day_is_a_number_from_1_to_500(number: str) -> None:
    with pytest.raises(InvalidSettings, match="MAXIMUM_BACKUPS_PER_DAY: expected a whole number from 1 to 500"):
        read_settings(CreateSettings, {**COMMON, **OF_CREATE, "MAXIMUM_BACKUPS_PER_DAY": number})
    settings = read_settings(CreateSettings, {**COMMON, **OF_CREATE, "MAXIMUM_BACKUPS_PER_DAY": "500"})
    assert settings.maximum_backups_per_day == 500
    assert read_settings(CreateSettings, {**COMMON, **OF_CREATE}).maximum_backups_per_day == 24


def test_settings_do_not_change() -> None:
    settings = read_settings(DispatchSettings, {**COMMON, **OF_DISPATCH})
    with pytest.raises(ValueError, match="frozen"):
        Settings.__setattr__(settings, "secret_prefix", "other/")
