"""Finding out before a run, not after it, that its results cannot be written."""

from pathlib import Path


class NotWritable(Exception):
    """A file cannot be written; the message has the reason and what to do."""


def ensure_writable(path: Path) -> None:
    """Make the file, and the folders above it, where they are missing. Raises `NotWritable`.

    A file is written, since permission bits are not the only reason, and do not bind every user.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise NotWritable(
            f"cannot write {path.absolute()}: {error.strerror}. Work in a copy of the project that you may write to."
        ) from error
