"""What runs at the moment: one line that changes on a terminal, a line for each part elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event, Lock, Thread
from types import TracebackType
from typing import IO, Self

EVERY_SECONDS = 0.2
CLEAR = "\r\x1b[K"
"""Goes to the beginning of the line and clears it."""


class Progress(AbstractContextManager["Progress"]):
    """Writes to one stream while the block runs, whatever `sys.stdout` is meanwhile.

    `is_live` is for a terminal that understands escape codes: the line has the seconds so far, and is gone at the end.
    """

    def __init__(
        self, stream: IO[str], *, is_live: bool, width: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._is_live = is_live
        self._width = width
        self._clock = clock
        self._begin = clock()
        self._part, self._detail = "", ""
        self._lock, self._stop = Lock(), Event()
        self._thread = Thread(target=self._refresh, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._is_live:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_live:
            self._stop.set()
            self._thread.join()
            self._write(CLEAR)

    def begin(self, part: str) -> None:
        """Show which part begins."""
        self._part, self._detail = part, ""
        if self._is_live:
            self._draw()
        else:
            self._write(f"  {part}\n")

    def detail(self, text: str) -> None:
        """Show how far it is; only on a terminal."""
        self._detail = text
        if self._is_live:
            self._draw()

    def _refresh(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._draw()

    def _draw(self) -> None:
        seconds = f"{self._clock() - self._begin:.0f} s"
        text = ", ".join(part for part in (self._part, self._detail) if part)
        self._write(f"{CLEAR}  {seconds:>4}  {text}"[: len(CLEAR) + self._width - 1])

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()
