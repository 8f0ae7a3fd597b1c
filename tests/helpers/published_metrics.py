"""What Lambda, SQS and the functions publish, for tests of what the alarms make of it."""

from datetime import datetime, timedelta

from local.aws_emulator.stack import STACK_NAME
from tests.helpers.alarms import MetricData
from tests.helpers.clock import RUN

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LOGICAL_IDS = {
    "create_backup": "CreateBackupFunction",
    "dispatch_backups": "DispatchBackupsFunction",
    "track_backups": "TrackBackupsFunction",
    "audit_backups": "AuditBackupsFunction",
    "prune_backups": "PruneBackupsFunction",
}


class Published(MetricData):
    """What Lambda, SQS and the functions publish."""

    def invocation(self, function: str, at: datetime, *, failed: bool = False, reported: bool = False) -> None:
        """One invocation of a function; `reported` is an error that the function accounted for itself."""
        self.put("AWS/Lambda", "Errors", float(failed), at, FunctionName=LOGICAL_IDS[function])
        if reported:
            self.put("GaussDBBackup", "InvocationFailed", 1, at, service=STACK_NAME, function=function)

    def count(self, metric: str, at: datetime) -> None:
        self.put("GaussDBBackup", metric, 1, at, service=STACK_NAME)

    def audit(
        self,
        at: datetime,
        *,
        audited: int = 3,
        uncovered: int = 0,
        age: timedelta = HOUR,
        connection: str = "default",
        schedule: str = "nightly",
    ) -> None:
        """One audit, and the age of the oldest last good backup that it found."""
        found = {"InstancesUncovered": uncovered, "OldestBackupAge": age.total_seconds()}
        values = {"InstancesAudited": audited, **(found if audited else {})}
        for metric, value in values.items():
            self._put_by_schedule(metric, value, at, connection=connection, schedule=schedule)

    def prune(self, at: datetime, *, kept: int = 7, connection: str = "default", schedule: str = "nightly") -> None:
        self._put_by_schedule("BackupsKept", kept, at, connection=connection, schedule=schedule)

    def _put_by_schedule(self, metric: str, value: float, at: datetime, **dimensions: str) -> None:
        connection = {"connection": dimensions["connection"]}
        for more in ({}, connection, dimensions):
            self.put("GaussDBBackup", metric, value, at, service=STACK_NAME, **more)

    def day_before(self) -> None:
        """What a day without a failure leaves: a run, audits and a prune."""
        self.count("PlanDispatched", RUN - DAY)
        self.prune(RUN - DAY + 10 * HOUR)
        for hours in (6, 12, 18):
            self.audit(RUN - DAY + hours * HOUR)

    def queue(self, name: str, at: datetime, *, visible: int, received: int | None) -> None:
        dimension = {"QueueName": f"{name}.QueueName"}
        self.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, at, **dimension)
        if received is not None:
            self.put("AWS/SQS", "NumberOfMessagesReceived", received, at, **dimension)
