"""The settings of each function, parsed from its environment into one frozen object (docs/reference/settings.md).

A function has the settings that it reads and no others, so a wrong setting of one function cannot stop another.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gaussdb_backup.domain.validation import to_field_problems
from gaussdb_backup.errors import FieldProblem, InvalidSettings


def _parse_switch(value: str) -> bool:
    try:
        return {"true": True, "false": False}[value.strip().lower()]
    except KeyError:
        raise ValueError("neither true nor false") from None


def _parse_seconds(value: str) -> timedelta:
    try:
        return timedelta(seconds=float(value))
    except OverflowError:
        raise ValueError("not a duration") from None


Switch = Annotated[bool, BeforeValidator(_parse_switch), Field(description="true or false")]
Duration = Annotated[timedelta, BeforeValidator(_parse_seconds)]
PositiveDuration = Annotated[Duration, Field(gt=timedelta(0), description="a number of seconds above 0")]
FirstDelay = Annotated[
    Duration,
    Field(ge=timedelta(seconds=1), le=timedelta(seconds=900), description="a number of seconds from 1 to 900"),
]
EventBusName = Annotated[str, Field(min_length=1, description="the name of the event bus, such as default")]
QueueUrl = Annotated[str, Field(min_length=1, description="the address of a queue")]


class Settings(BaseModel):
    """The settings of every function. Each field is the environment variable of its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    secret_prefix: str = Field(min_length=1, description="the prefix of the secrets' names, such as gaussdb-backup/")
    allow_http_endpoint: Switch = Field(default="false", validate_default=True)
    http_timeout_seconds: PositiveDuration
    state_table: str = Field(min_length=1, description="the name of the table of idempotency records")
    metrics_per_instance: Switch = Field(default="false", validate_default=True)
    powertools_service_name: str = Field(min_length=1, description="the name of the service in logs and metrics")
    powertools_metrics_namespace: str = Field(min_length=1, description="the namespace of the metrics")
    powertools_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )


class CreateSettings(Settings):
    """The settings of `create_backup`."""

    backup_queue_url: QueueUrl
    backup_dlq_url: QueueUrl
    start_window_seconds: PositiveDuration
    maximum_backups_per_day: int = Field(default=24, ge=1, le=500, description="a whole number from 1 to 500")
    tracking_queue_url: QueueUrl
    track_first_delay_seconds: FirstDelay
    track_deadline_seconds: PositiveDuration


class DispatchSettings(Settings):
    """The settings of `dispatch_backups`."""

    plan_queue_url: QueueUrl
    plan_dlq_url: QueueUrl
    start_window_seconds: PositiveDuration
    backup_queue_url: QueueUrl


class TrackSettings(Settings):
    """The settings of `track_backups`."""

    tracking_queue_url: QueueUrl
    tracking_dlq_url: QueueUrl
    track_first_delay_seconds: FirstDelay
    track_max_delay_seconds: Duration = Field(
        gt=timedelta(0), le=timedelta(hours=12), description="a number of seconds above 0, at most 43200"
    )
    event_bus_name: EventBusName


class AuditSettings(Settings):
    """The settings of `audit_backups`. Without a bucket no page is stored."""

    backup_queue_url: QueueUrl
    event_bus_name: EventBusName
    report_bucket: str = Field(default="", max_length=63, description="the name of a bucket, or empty for none")


class PruneSettings(Settings):
    """The settings of `prune_backups`."""

    event_bus_name: EventBusName


def read_settings[T: Settings](model: type[T], environment: Mapping[str, str]) -> T:
    """Parse the settings of a function. Raises `InvalidSettings` that names every missing or wrong variable."""
    names = {field.upper(): field for field in model.model_fields}
    given = {field: environment[name] for name, field in names.items() if environment.get(name)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = [
            FieldProblem(problem.field.upper(), problem.expected, problem.given)
            for problem in to_field_problems(error, model)
        ]
        raise InvalidSettings("settings", problems) from None
