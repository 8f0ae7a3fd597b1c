"""Work in threads that begin together."""

import threading
from collections.abc import Callable
from typing import Any


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in threads that begin together; return what each returned or raised."""
    results: list[Any] = [None] * number
    start = threading.Barrier(number)

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001 - it is a result
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
