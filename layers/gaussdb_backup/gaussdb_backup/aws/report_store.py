"""The bucket of the reports."""

from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup.errors import TryLater

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class ReportStore:
    """Stores the page of each audit under a key of its own: `audit/<connection>/<schedule>/<time of the run>.html`."""

    def __init__(self, bucket: str, *, client: "S3Client", render: Callable[[Coverage], str]) -> None:
        """Without a `bucket` nothing is rendered or stored."""
        self._bucket = bucket
        self._client = client
        self._render = render

    def store(self, coverage: Coverage) -> str | None:
        """Store the page; return its address. The page of the same run replaces an earlier one.

        Raises `TryLater` if S3 does not take it.
        """
        if not self._bucket:
            return None
        run = coverage.scheduled_time.astimezone(UTC)
        key = f"audit/{coverage.connection}/{coverage.schedule or 'direct'}/{run:%Y%m%dT%H%M%SZ}.html"
        page = self._render(coverage)
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8"
            )
        except (BotoCoreError, ClientError) as error:
            text = f"the report bucket did not take the page ({aws_error_code(error)}): audit again to have it stored"
            raise TryLater(text) from error
        return f"s3://{self._bucket}/{key}"
