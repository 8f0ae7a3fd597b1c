"""Delivers the messages of queues in the background, as Lambda polls them."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

from .event_source_mapping import EventSourceMapping


@contextmanager
def delivering(
    mappings: Mapping[str, EventSourceMapping], *, disabled: Collection[str] = (), every_seconds: float = 0.2
) -> Iterator[None]:
    """Deliver what is visible in each queue until the block ends; the end waits for a function that runs.

    `mappings` are by the queue's name; a queue that is in `disabled` at the time keeps its messages.
    """
    stop = Event()

    def deliver() -> None:
        while not stop.wait(every_seconds):
            for queue, mapping in mappings.items():
                if queue not in disabled and not stop.is_set():
                    mapping.run_once()

    thread = Thread(target=deliver, name="deliveries")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
