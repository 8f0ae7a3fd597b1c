"""Turn one backup request into exactly one backup: from BackupQueue, a schedule or a direct invoke."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup import bootstrap
from gaussdb_backup.aws import messages
from gaussdb_backup.domain.backup_request import BackupRequest, parse_backup_request, read_facts
from gaussdb_backup.domain.tracking import start_tracking
from gaussdb_backup.domain.validation import parse_object, require_object
from gaussdb_backup.operations.create import create_backup, name_backup
from gaussdb_backup.telemetry.reporter import make_logger

logger = make_logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Answer one event."""
    return answer(event, bootstrap.services(logger), context)


def answer(event: object, services: bootstrap.Services, context: LambdaContext) -> dict[str, Any]:
    """Tell the two kinds of event apart: a batch of messages, or one request by itself."""
    create = partial(_create, services=services, context=context)
    if messages.is_batch(event):
        with services.telemetry.reporting({}):
            return services.intake.process(
                event,
                lambda message: create(
                    partial(parse_object, message.body, "backup request"), message.run_at, message.attempt
                ),
                context=context,
            )
    return create(partial(require_object, event, "backup request"), services.now(), None)


def _create(
    read: Callable[[], Mapping[str, Any]],
    default_time: datetime,
    attempt: int | None,
    *,
    services: bootstrap.Services,
    context: LambdaContext,
) -> dict[str, Any]:
    """Answer one request once, however often it comes."""
    with services.telemetry.reporting({"attempt": attempt}) as facts:
        data = read()
        facts.update(read_facts(data))
        request = parse_backup_request(data, default_time=default_time, now=services.now())
        facts.update(request.facts)
        facts["backup_name"] = name = name_backup(request, api=services.api(request.connection))
        make = partial(_make, request, name, facts, services)
        return services.claims.once(request.claim(name), make, context=context)


def _make(request: BackupRequest, name: str, facts: Mapping[str, Any], services: bootstrap.Services) -> dict[str, Any]:
    result = create_backup(request, name, api=services.api(request.connection), now=services.now())
    services.telemetry.backup_begun(result.backup, facts={**facts, "outcome": result.outcome.value})
    patience = services.settings.track_deadline_seconds
    services.follow(start_tracking(request, result.backup, now=services.now(), patience=patience))
    return {
        "outcome": result.outcome.value,
        "backup": result.backup.model_dump(mode="json"),
        "job_id": result.job_id,
    }
