"""The functions' settings, read from the environment in one place into one frozen object (design, section 6)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gaussdb_backup.domain.validation import explain
from gaussdb_backup.errors import InvalidSettings


def _parse_switch(value: str) -> bool:
    try:
        return {"true": True, "false": False}[value.strip().lower()]
    except KeyError:
        raise ValueError("neither true nor false") from None


def _parse_seconds(value: str) -> timedelta:
    try:
        return timedelta(seconds=float(value))
    except OverflowError:
        raise ValueError("not a time") from None


Switch = Annotated[bool, BeforeValidator(_parse_switch)]
Seconds = Annotated[timedelta, BeforeValidator(_parse_seconds)]


class Settings(BaseModel):
    """What the stack tells the functions. Each field is the environment variable of its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    secret_prefix: str = Field(min_length=1, description="the prefix of the secrets' names, such as gaussdb-backup/")
    allow_http_endpoint: Switch = Field(default="false", validate_default=True, description="true or false")
    http_timeout_seconds: Seconds = Field(gt=timedelta(0), description="a number of seconds above 0")
    backup_queue_url: str = Field(min_length=1, description="the address of the queue of requests")
    backup_dlq_url: str = Field(min_length=1, description="the address of that queue's dead-letter queue")
    state_table: str = Field(min_length=1, description="the name of the table of claims and circuits")
    start_window_seconds: Seconds = Field(gt=timedelta(0), description="a number of seconds above 0")
    tracking_queue_url: str = Field(min_length=1, description="the address of the tracking queue")
    tracking_dlq_url: str = Field(min_length=1, description="the address of the tracking queue's dead-letter queue")
    track_first_delay_seconds: Seconds = Field(
        ge=timedelta(seconds=1), le=timedelta(seconds=900), description="a number of seconds from 1 to 900"
    )
    track_max_delay_seconds: Seconds = Field(
        gt=timedelta(0), le=timedelta(hours=12), description="a number of seconds above 0, at most 43200"
    )
    track_deadline_seconds: Seconds = Field(gt=timedelta(0), description="a number of seconds above 0")
    event_bus_name: str = Field(min_length=1, description="the name of the event bus, such as default")
    metrics_per_instance: Switch = Field(default="false", validate_default=True, description="true or false")
    powertools_service_name: str = Field(min_length=1, description="the name of the service in logs and metrics")
    powertools_metrics_namespace: str = Field(min_length=1, description="the namespace of the metrics")
    powertools_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `InvalidSettings` that names every variable that is missing or wrong."""
    names = {field.upper(): field for field in Settings.model_fields}
    found = {field: environment[name] for name, field in names.items() if environment.get(name)}
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        problems = [
            type(problem)(problem.field.upper(), problem.expected, problem.came) for problem in explain(error, Settings)
        ]
        raise InvalidSettings("settings", problems) from None
