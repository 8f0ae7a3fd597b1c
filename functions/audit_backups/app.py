"""Compare the inventory with the backups, report and close gaps: from a schedule or a direct invoke."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.bootstrap.audit import AuditDependencies, for_audit
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.validation import require_object
from gaussdb_backup.operations.audit import audit_backups
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> AuditDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_audit(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle one audit: the payload of a schedule or of a direct invoke."""
    return handle_request(event, context, dependencies())


def handle_request(event: object, context: LambdaContext, deps: AuditDependencies) -> dict[str, Any]:
    """Audit the instances of a project; return their coverage. Raises the errors of `gaussdb_backup.errors`."""
    with deps.reporter.reporting_invocation(started_at=deps.now()) as reporter:
        data = require_object(event, "audit")
        reporter.add(**extract_log_fields(data))
        default_time = deps.now() if "scheduled_time" in data else deps.first_seen.at(context.aws_request_id)
        audit = parse_audit(data, default_time=default_time, now=deps.now())
        deadline = work_deadline(context)
        coverage = audit_backups(
            audit,
            api=deps.api_clients.for_connection(audit.connection, deadline=deadline),
            queue=deps.backup_queue,
            reports=deps.reports,
            event_bus=deps.event_bus,
            reporter=reporter,
            now=deps.now,
            deadline=deadline,
        )
        return coverage.to_json()
