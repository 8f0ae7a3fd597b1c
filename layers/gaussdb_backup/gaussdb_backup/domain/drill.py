"""How the throw-away instance of a restore drill is known: by its tags."""

from collections.abc import Iterable

from gaussdb_backup.domain.models import Instance

DRILL_TAG, SOURCE_TAG = "gaussdb-backup-drill", "gaussdb-backup-source"
"""Tags of such an instance: the id of the drill, and that of the instance whose backup it is restored from."""


def is_drill(instance: Instance) -> bool:
    """Return whether a drill made the instance, and will delete it."""
    return DRILL_TAG in instance.tags


def sources_in_use(instances: Iterable[Instance]) -> frozenset[str]:
    """Return the ids of the instances whose backups are being restored: those that a drill's instance has as source."""
    return frozenset(instance.tags[SOURCE_TAG] for instance in instances if SOURCE_TAG in instance.tags)
