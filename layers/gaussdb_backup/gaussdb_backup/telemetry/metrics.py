"""The vocabulary of the metrics, and how they are emitted (CloudWatch EMF)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit


class Metric(StrEnum):
    """Every metric."""

    BACKUP_BUILDING = "BackupBuilding"
    BACKUP_COMPLETED = "BackupCompleted"
    BACKUP_FAILED = "BackupFailed"
    BACKUP_OVERDUE = "BackupOverdue"
    BACKUP_MISSING = "BackupMissing"
    BACKUP_UNKNOWN = "BackupUnknown"
    BACKUP_REJECTED = "BackupRejected"
    BACKUP_DEFERRED = "BackupDeferred"
    BACKUP_DURATION = "BackupDuration"
    BACKUP_SIZE = "BackupSize"
    PLAN_SELECTED_NOTHING = "PlanSelectedNothing"
    TRACKING_POLL_FAILED = "TrackingPollFailed"
    STATE_CHANGE_NOT_PUBLISHED = "StateChangeNotPublished"
    CONNECTION_UNUSABLE = "ConnectionUnusable"
    UNEXPECTED_ERROR = "UnexpectedError"
    DEAD_LETTER_REFUSED = "DeadLetterRefused"
    PLAN_DISPATCHED = "PlanDispatched"
    INVOCATION_FAILED = "InvocationFailed"
    OLDEST_BACKUP_AGE = "OldestBackupAge"
    INSTANCES_AUDITED = "InstancesAudited"
    INSTANCES_UNCOVERED = "InstancesUncovered"
    BACKUPS_KEPT = "BackupsKept"
    BACKUPS_DELETED = "BackupsDeleted"
    DELETIONS_FAILED = "DeletionsFailed"
    PRUNE_REFUSED = "PruneRefused"
    REPORT_NOT_DELIVERED = "ReportNotDelivered"

    @property
    def unit(self) -> MetricUnit:
        """The unit that CloudWatch shows."""
        if self in (Metric.BACKUP_DURATION, Metric.OLDEST_BACKUP_AGE):
            return MetricUnit.Seconds
        return MetricUnit.Megabytes if self is Metric.BACKUP_SIZE else MetricUnit.Count


class Metrics:
    """Emits each value at once, so that a function killed a moment later has still emitted it."""

    def __init__(self, *, namespace: str, service: str, per_instance: bool) -> None:
        """`per_instance` adds the set of dimensions with the instance, which costs custom metrics."""
        self._namespace = namespace
        self._service = service
        self._per_instance = per_instance
        self._connections: set[str] = set()

    def allow_connection(self, connection: str) -> None:
        """Let a connection be a dimension from now on: it exists, and is not an invention of whoever sent a message."""
        self._connections.add(connection)

    def emit(self, values: Mapping[Metric, float], log_fields: Mapping[str, Any], *, by_schedule: bool = False) -> None:
        """Emit values under each set of dimensions: the service, the connection and perhaps the instance.

        A connection that was not allowed is no dimension: each would be a custom metric, which costs money. With
        `by_schedule` the schedule is one too, where there is one.
        """
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        for metric, value in values.items():
            metrics.add_metric(metric.value, metric.unit, value)
        if (connection := log_fields.get("connection")) in self._connections:
            metrics.add_dimensions(service=self._service, connection=connection)
            instance_id = log_fields.get("instance_id")
            if instance_id and self._per_instance:
                metrics.add_dimensions(service=self._service, connection=connection, instance_id=instance_id)
            if by_schedule and (schedule := log_fields.get("schedule")):
                metrics.add_dimensions(service=self._service, connection=connection, schedule=schedule)
        metrics.flush_metrics()

    def emit_of_function(self, metric: Metric, *, function: str, at: datetime) -> None:
        """Emit 1 under the dimensions service and function, with the time `at` instead of the present."""
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        metrics.add_metric(metric.value, metric.unit, 1)
        metrics.add_dimension("function", function)
        metrics.timestamp = int(at.timestamp() * 1000)
        metrics.flush_metrics()
