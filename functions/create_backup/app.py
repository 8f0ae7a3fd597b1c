"""Turn one backup request into exactly one backup: from BackupQueue, a schedule or a direct invoke."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup import telemetry, wiring
from gaussdb_backup.aws import messages
from gaussdb_backup.operations.create import CreateResult, create_backup, name_backup
from gaussdb_backup.requests import parse_backup_request, read_facts
from gaussdb_backup.tracking import start_tracking
from gaussdb_backup.validation import parse_object, require_object

logger = telemetry.make_logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's signature
    """Answer one event."""
    return answer(event, wiring.services(logger))


def answer(event: object, services: wiring.Services) -> dict[str, Any]:
    """Tell the two kinds of event apart: a batch of messages, or one request by itself."""
    if messages.is_batch(event):
        with services.telemetry.reporting({}):
            return messages.process_batch(event, partial(_answer_message, services=services))
    return _shape(_create(lambda: require_object(event, "backup request"), services.now(), services))


def _answer_message(message: messages.Message, services: wiring.Services) -> None:
    _create(lambda: parse_object(message.body, "backup request"), message.sent_at, services)


def _create(read: Callable[[], Mapping[str, Any]], default_time: datetime, services: wiring.Services) -> CreateResult:
    with services.telemetry.reporting({}) as facts:
        data = read()
        facts.update(read_facts(data))
        request = parse_backup_request(data, default_time=default_time, now=services.now())
        facts.update(request.facts)
        api = services.api(request.connection)
        facts["backup_name"] = name = name_backup(request, api=api)
        result = create_backup(request, name, api=api, now=services.now())
        services.telemetry.backup_begun(result.backup, facts={**facts, "outcome": result.outcome.value})
        patience = services.settings.track_deadline_seconds
        services.follow(start_tracking(request, result.backup, now=services.now(), patience=patience))
    return result


def _shape(result: CreateResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "backup": result.backup.model_dump(mode="json"),
        "job_id": result.job_id,
    }
