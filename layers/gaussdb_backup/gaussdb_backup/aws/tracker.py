"""Having backups tracked: one message per backup on TrackingQueue."""

from datetime import datetime, timedelta

from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.domain.backup_request import BackupRequest
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import make_tracking_message


class Tracker:
    """Sends tracking messages."""

    def __init__(self, queue: Queue, *, first_delay: timedelta, time_limit: timedelta) -> None:
        """Poll a backup first after `first_delay`; it is overdue `time_limit` after its begin."""
        self._queue = queue
        self._first_delay = first_delay
        self._time_limit = time_limit

    def track(self, request: BackupRequest, backup: Backup, *, now: datetime) -> None:
        """Have a backup tracked. Raises `TryLater` if the queue does not take the message."""
        message = make_tracking_message(request, backup, now=now, time_limit=self._time_limit)
        body = message.model_dump_json(exclude_none=True)
        self._queue.send(body, group=request.connection, delay=self._first_delay)
