"""Which instances of a project a plan, an audit or a prune is about (docs/reference/plan.md, "Selecting instances")."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from gaussdb_backup.domain.backup_request import InstanceId
from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.validation import Strict

TagKey = Annotated[str, Field(min_length=1, max_length=128)]
TagValue = Annotated[str, Field(max_length=255)]


class Selection(Strict):
    """The criteria by which instances are selected. All must hold; an absent one holds for every instance."""

    instance_ids: tuple[InstanceId, ...] | None = Field(
        default=None, max_length=10_000, description="a list of instance ids"
    )
    name_pattern: str = Field(
        default="*", strict=True, min_length=1, max_length=128, description="a pattern such as orders-*"
    )
    tags: Mapping[TagKey, TagValue] = Field(
        default_factory=dict,
        max_length=20,
        description="an object of at most 20 tags, keys of 1 to 128 characters, values of at most 255",
    )

    @property
    def api_tags(self) -> Mapping[str, str]:
        """The tags by which the API may filter. All of them are compared here too.

        Its filter has no way to write a comma, an equals sign or what is not printable. Where instances are given by
        id it is not used: one that lacks a tag must not look like one that the project does not have.
        """
        if self.instance_ids is not None:
            return {}
        return {key: value for key, value in self.tags.items() if _is_expressible(key) and _is_expressible(value)}

    def matches(self, instance: Instance) -> bool:
        """Return whether every criterion holds for an instance."""
        is_named = self.instance_ids is None or instance.id in self.instance_ids
        has_tags = all(instance.tags.get(key) == value for key, value in self.tags.items())
        return is_named and has_tags and fnmatchcase(instance.name, self.name_pattern)


def _is_expressible(text: str) -> bool:
    return text.isprintable() and not set(",=") & set(text) and text == text.strip()
