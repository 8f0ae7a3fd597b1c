"""What a prune did, or would do: the response of `PruneBackups`, with what a person wants to know besides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LISTS = ("failed", "deferred", "deleted", "kept")
"""The lists of the response; what needs a person is first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one backup: `outcome` is the name of its list. `reason` is why."""

    outcome: str
    instance_id: str
    backup_name: str
    begin_time: datetime | None
    size_mb: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """One prune of a plan. `names` are those of the instances, by their ids."""

    plan: str
    payload: Mapping[str, Any]
    response: Mapping[str, Any]
    names: Mapping[str, str]

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing was deleted because nobody wanted it."""
        return bool(self.response["dry_run"])

    @property
    def refused(self) -> str | None:
        """Why nothing is deleted."""
        reason: str | None = self.response["refused"]
        return reason

    @property
    def counts(self) -> Mapping[str, int]:
        """How many backups are in each list, and how many ids were not found."""
        found: Mapping[str, int] = self.response["counts"]
        return found

    @property
    def minimum_good(self) -> int:
        """How many of the newest good backups of an instance stay whatever the rules keep."""
        given = self.payload.get("minimum_good", 1)
        return given if isinstance(given, int) else 1

    @property
    def needs_you(self) -> bool:
        """Whether a person has to do something. What is deferred is deleted by a later prune."""
        return self.refused is not None or bool(self.counts["failed"] or self.counts["not_found"])

    @property
    def cut(self) -> Sequence[tuple[str, int]]:
        """The lists that are not whole, since Lambda limits a response to 6 MB, and how much of them is there."""
        return [(name, len(self.response[name])) for name in LISTS if len(self.response[name]) < self.counts[name]]

    @property
    def size_mb(self) -> float:
        """The megabytes of the deleted backups, as far as they are listed and known."""
        return sum(each["size_mb"] or 0 for each in self.response["deleted"])

    @property
    def is_size_known(self) -> bool:
        """Whether the size is that of all of them."""
        is_listed = not any(name == "deleted" for name, _ in self.cut)
        return is_listed and all(each["size_mb"] is not None for each in self.response["deleted"])

    def entries(self) -> Iterator[Entry]:
        """Return what becomes of each backup that is listed."""
        for outcome in LISTS:
            for each in self.response[outcome]:
                begin = each["begin_time"]
                yield Entry(
                    outcome=outcome,
                    instance_id=each["instance_id"],
                    backup_name=each["backup_name"],
                    begin_time=datetime.fromisoformat(begin) if begin else None,
                    size_mb=each["size_mb"],
                    reason=self._explain(outcome, each),
                )

    def _explain(self, outcome: str, each: Mapping[str, Any]) -> str:
        if "error_code" in each:
            return f"{each['error_code']}: {each['error_message']}"
        reasons = ["newest good (minimum_good)" if one == "minimum_good" else str(one) for one in each["reasons"]]
        return ", ".join(reasons) or ("kept" if outcome == "kept" else "no rule keeps it")

    def to_json(self) -> dict[str, Any]:
        """Return the result of the JSON form: the response, with the names of the instances."""
        lists = {
            name: [{**each, "instance_name": self.names.get(each["instance_id"])} for each in self.response[name]]
            for name in LISTS
        }
        return {
            "plan": self.plan,
            "minimum_good": self.minimum_good,
            "size_mb": self.size_mb,
            "is_size_known": self.is_size_known,
            "is_whole": not self.cut,
            **{key: value for key, value in self.response.items() if key != "version"},
            **lists,
        }
