"""Delete what the retention policy no longer needs: from a schedule or a direct invoke."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.prune import PruneDependencies, for_prune
from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup.domain.validation import require_object
from gaussdb_backup.operations.prune import prune_backups
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> PruneDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_prune(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle one prune: the payload of a schedule or of a direct invoke."""
    return handle_request(event, context, dependencies())


def handle_request(event: object, context: LambdaContext, deps: PruneDependencies) -> dict[str, Any]:
    """Prune the backups of a project; return what was done about each. Raises the errors of `gaussdb_backup.errors`."""
    with deps.reporter.reporting_invocation(started_at=deps.now()) as reporter:
        data = require_object(event, "prune")
        reporter.add(**extract_log_fields(data))
        prune = parse_prune(data)
        api = deps.api_clients.for_connection(prune.connection, deadline=work_deadline(context))
        result = prune_backups(prune, api=api, event_bus=deps.event_bus, reporter=reporter, now=deps.now)
        return result.to_json()
