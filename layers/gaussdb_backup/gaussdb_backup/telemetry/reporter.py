"""What the reporters of all functions have in common: errors, and the fields that are known by then."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Self

from aws_lambda_powertools import Logger

from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.validation import parse_object
from gaussdb_backup.errors import (
    FixConfiguration,
    FixRequest,
    GaussDBBackupError,
    GiveUp,
    InvalidRequest,
    StartWindowMissed,
)
from gaussdb_backup.telemetry.log_fields import error_fields, to_json
from gaussdb_backup.telemetry.metrics import Metric, Metrics


class Reporter:
    """Logs constant messages with fields, and counts. Each fact is reported at once, not at the end."""

    function: ClassVar[str]
    """The function that reports, as a dimension."""

    def __init__(self, logger: Logger, metrics: Metrics, log_fields: Mapping[str, Any] | None = None) -> None:
        """`log_fields` are added to each record."""
        self._logger = logger
        self._metrics = metrics
        self._log_fields: dict[str, Any] = dict(log_fields or {})

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""
        self._log_fields |= log_fields

    @contextmanager
    def reporting_errors(self, **log_fields: object) -> Iterator[Self]:
        """Report whatever error leaves the block, with the fields that the new reporter has by then; raise it again."""
        reporter = type(self)(self._logger, self._metrics, {**self._log_fields, **log_fields})
        try:
            yield reporter
        except GaussDBBackupError as error:
            reporter.request_failed(error)
            raise
        except Exception as error:
            reporter.unexpected_error(error)
            raise

    @contextmanager
    def reporting_invocation(self, *, started_at: datetime) -> Iterator[Self]:
        """Report like `reporting_errors`, where the error that leaves the block fails the invocation.

        Lambda counts that error too, at the time when the invocation began. One that is reported as deferred, rejected
        or unusable is accounted for under that time, so that an alarm can tell the others: defects, and functions that
        ended without a report.
        """
        try:
            with self.reporting_errors() as reporter:
                yield reporter
        except GaussDBBackupError:
            self._metrics.emit_of_function(Metric.INVOCATION_FAILED, function=self.function, at=started_at)
            raise

    def request_failed(self, error: GaussDBBackupError, **log_fields: object) -> None:
        """Report what becomes of a request after an error: rejected, deferred, or held up by its connection."""
        fields = {**self._log_fields, **log_fields, **error_fields(error)}
        match error:
            case FixRequest() | GiveUp():
                self._logger.error("backup request rejected", extra=to_json(fields))
                self._metrics.emit({Metric.BACKUP_REJECTED: 1}, fields)
            case FixConfiguration():
                self._logger.error("connection unusable", extra=to_json(fields))
                self._metrics.emit({Metric.CONNECTION_UNUSABLE: 1}, fields)
            case _:
                self._logger.warning("backup request deferred", extra=to_json(fields))
                self._metrics.emit({Metric.BACKUP_DEFERRED: 1}, fields)

    def unexpected_error(self, error: Exception, **log_fields: object) -> None:
        """Report a defect, with its traceback."""
        fields = {**self._log_fields, **log_fields, **error_fields(error)}
        self._logger.error("unexpected error", extra=to_json(fields), exc_info=error)
        self._metrics.emit({Metric.UNEXPECTED_ERROR: 1}, fields)

    def message_dead_lettered(self, error: Exception, *, message_id: str, body: str) -> None:
        """Report that a request or plan went to the dead-letter queue; count it unless it was rejected before."""
        fields = {**_find_log_fields(body), **error_fields(error), "message_id": message_id}
        self._logger.error("backup request dead-lettered", extra=to_json(fields))
        if isinstance(error, StartWindowMissed) or not isinstance(error, FixRequest | GiveUp):
            self._metrics.emit({Metric.BACKUP_REJECTED: 1}, fields)

    def message_not_dead_lettered(self, error: Exception, *, message_id: str, body: str, cause: str) -> None:
        """Report that the dead-letter queue refused a message, which is received again later."""
        fields = {**_find_log_fields(body), **error_fields(error), "message_id": message_id, "cause": cause}
        self._logger.error("message not dead-lettered", extra=to_json(fields))
        self._metrics.emit({Metric.DEAD_LETTER_REFUSED: 1}, fields)

    def api_version_switched(self, *, connection: str) -> None:
        """Report that the documented path is gone and its successor is used from now on."""
        self._logger.warning(
            "the API no longer serves mysql/v3, using v3: set api_version in the secret",
            extra={"connection": connection},
        )

    def instances_not_found(self, instance_ids: Iterable[str]) -> None:
        """Report ids that were selected, and that the project does not have: one record for each."""
        for instance_id in instance_ids:
            fields = {**self._log_fields, "instance_id": instance_id}
            self._logger.warning("instance not found", extra=to_json(fields))

    def not_delivered(self, what: str, *, cause: str) -> None:
        """Report that a page or an event is not where it should be; what it describes is logged and counted."""
        fields = {**self._log_fields, "what": what, "cause": cause}
        self._logger.error("report not delivered", extra=to_json(fields))
        self._metrics.emit({Metric.REPORT_NOT_DELIVERED: 1}, fields)

    def connection_read(self, connection: str) -> None:
        """Note that the secret of a connection was read: from now on its metrics have the connection as a dimension."""
        self._metrics.allow_connection(connection)

    def records_malformed(self, *, connection: str, operation: str, records: int, problem: str) -> None:
        """Report that a list of the API has records that cannot be read; `problem` describes the first of them."""
        fields = {"connection": connection, "operation": operation, "records": records, "problem": problem}
        self._logger.warning("malformed records", extra={**self._log_fields, **fields})


def _find_log_fields(body: str) -> dict[str, Any]:
    """Return the fields that a message, which may be malformed, names its run and instance by."""
    try:
        return extract_log_fields(parse_object(body, "message"))
    except InvalidRequest:
        return {}
