"""The response to a batch deletion, which reports what was refused inside a 200.

Source: docs/reference/gaussdb_api.md, "Deleting backups".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gaussdb_backup.domain.models import BatchDeletion
from gaussdb_backup.huawei.error_body import parse_item_error
from gaussdb_backup.huawei.error_table import GONE, NOT_NOW


def read_batch_deletion(content: Mapping[str, Any], backup_ids: Sequence[str]) -> BatchDeletion | None:
    """Return what became of each of the ids, which are all different.

    `None` where the body does not account for each of them: where it reports an id that was not requested, an item
    without one, or numbers that differ from the items.
    """
    refused = _read_refusals(content.get("failed_results"), backup_ids)
    if refused is None or not _has_expected_counts(content, len(backup_ids), len(refused)):
        return None
    return BatchDeletion(
        deleted=tuple(id_ for id_ in backup_ids if id_ not in refused),
        gone=tuple(id_ for id_ in backup_ids if id_ in refused and refused[id_][0] in GONE),
        deferred={id_: error for id_, error in refused.items() if error[0] in NOT_NOW},
        failed={id_: error for id_, error in refused.items() if error[0] not in GONE | NOT_NOW},
    )


def _read_refusals(results: object, backup_ids: Sequence[str]) -> dict[str, tuple[str, str]] | None:
    """Return code and message of each refused id; of an id that is reported as gone and otherwise, the latter."""
    if not isinstance(results, list | None):
        return None
    refused: dict[str, tuple[str, str]] = {}
    for item in results or []:
        id_ = item.get("backup_id") if isinstance(item, dict) else None
        if not isinstance(id_, str) or id_ not in backup_ids:
            return None
        if id_ not in refused or refused[id_][0] in GONE:
            refused[id_] = parse_item_error(item)
    return refused


def _has_expected_counts(content: Mapping[str, Any], requested: int, refused: int) -> bool:
    """Whether the numbers agree with the items. Without a list of items there must be a number of successes."""
    succeeded, failed = content.get("success_count"), content.get("failed_count")
    if content.get("failed_results") is None and succeeded is None:
        return False
    return str(failed if failed is not None else refused) == str(refused) and (
        succeeded is None or str(succeeded) == str(requested - refused)
    )
