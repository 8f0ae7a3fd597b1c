"""The page that an audit stored, as a file."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from gaussdb_backup_cli.stack import Stack

STDOUT = "-"


def fetch_page(stack: "Stack", address: str | None) -> bytes:
    """Return the page of an address `s3://BUCKET/KEY`. Raises `CommandFailed`."""
    from botocore.exceptions import BotoCoreError, ClientError

    from gaussdb_backup_cli.aws import explain, is_denied

    if address is None:
        group = stack.outputs.get("AuditBackupsLogGroupName", "/aws/lambda/")
        raise CommandFailed("no_page", "the audit stored no page", f"its reason: aws logs tail {group} --since 10m")
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        page: bytes = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        text = f"the page {address} cannot be read: {' '.join(str(error).split())}"
        if is_denied(error):
            raise CommandFailed("not_allowed", text, "get the permission s3:GetObject of that bucket") from error
        raise CommandFailed("no_page", text, f"check the stack: gaussdb-backup doctor --stack {stack.name}") from error
    except BotoCoreError as error:
        raise explain(error) from error
    return page


def write_page(page: bytes, file: str) -> None:
    """Write a page to a file, whole or not at all, or to stdout where that is `-`. Raises `CommandFailed`."""
    if file == STDOUT:
        sys.stdout.buffer.write(page)
        sys.stdout.flush()
        return
    path = Path(file)
    try:
        if path.exists() and not path.is_file():  # a pipe or a device takes it as it is
            path.write_bytes(page)
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as written:
            temporary = Path(written.name)
            try:
                written.write(page)
                written.flush()
                temporary.chmod(_mode_of(path))
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandFailed(
            "not_written", f"the page cannot be written to {file}: {reason}", "name another --html FILE",
            exit_code=Exit.FAILED,
        ) from error  # fmt: skip


def _mode_of(path: Path) -> int:
    """Return the permissions of a file that is there; of one that is not, those which this process gives."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
