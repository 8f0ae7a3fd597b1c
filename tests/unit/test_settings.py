"""Settings: one frozen object, all problems at once."""

from datetime import timedelta

import pytest

from gaussdb_backup.errors import InvalidSettings
from gaussdb_backup.settings import Settings, read_settings

GOOD = {
    "SECRET_PREFIX": "gaussdb-backup/",
    "HTTP_TIMEOUT_SECONDS": "10",
    "BACKUP_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/requests",
    "BACKUP_DLQ_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/requests-dead",
    "STATE_TABLE": "state",
    "START_WINDOW_SECONDS": "14400",
    "TRACKING_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/tracking",
    "TRACKING_DLQ_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/tracking-dead",
    "TRACK_FIRST_DELAY_SECONDS": "60",
    "TRACK_MAX_DELAY_SECONDS": "600",
    "TRACK_DEADLINE_SECONDS": "21600",
    "EVENT_BUS_NAME": "default",
    "POWERTOOLS_SERVICE_NAME": "gaussdb-backup",
    "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
}


def test_settings_are_read_from_variables_of_their_name() -> None:
    settings = read_settings({**GOOD, "METRICS_PER_INSTANCE": "true", "UNRELATED": "x"})
    assert settings.http_timeout_seconds == timedelta(seconds=10)
    assert settings.metrics_per_instance is True
    assert settings.allow_http_endpoint is False


def test_all_problems_are_told_at_once_by_the_variables_names() -> None:
    with pytest.raises(InvalidSettings) as raised:
        read_settings({"HTTP_TIMEOUT_SECONDS": "soon", "METRICS_PER_INSTANCE": "maybe", "POWERTOOLS_LOG_LEVEL": "LOUD"})
    assert {problem.field for problem in raised.value.problems} == {
        *GOOD,
        "METRICS_PER_INSTANCE",
        "POWERTOOLS_LOG_LEVEL",
    }
    assert "METRICS_PER_INSTANCE: expected true or false; got 'maybe'" in str(raised.value)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_timeout_must_be_a_time(seconds: str) -> None:
    with pytest.raises(InvalidSettings, match="HTTP_TIMEOUT_SECONDS"):
        read_settings({**GOOD, "HTTP_TIMEOUT_SECONDS": seconds})


def test_settings_do_not_change() -> None:
    settings = read_settings(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        Settings.__setattr__(settings, "secret_prefix", "other/")
