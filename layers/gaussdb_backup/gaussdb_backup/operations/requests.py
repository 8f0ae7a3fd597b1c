"""Sending the requests that a plan, or an audit that catches up, has decided on."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from gaussdb_backup.domain.plan import Decision


class RequestQueue(Protocol):
    """Where requests are sent."""

    def send_all(self, bodies: Sequence[str], *, group: str) -> Sequence[str | None]:
        """Send messages of one group, which shares the queue fairly with other groups.

        Returns for each why the queue refused it, or `None`.
        """


def send_requests(decisions: Iterable[Decision], queue: RequestQueue, *, connection: str) -> dict[str, str]:
    """Send the requests of these decisions; return by instance why the queue refused one.

    Sending them again makes no backup twice: a request is the same each time.
    """
    requests = {decision.instance_id: decision.request for decision in decisions if decision.request}
    bodies = [request.model_dump_json(exclude_none=True) for request in requests.values()]
    refusals = queue.send_all(bodies, group=connection)
    return {instance_id: refusal for instance_id, refusal in zip(requests, refusals, strict=True) if refusal}
