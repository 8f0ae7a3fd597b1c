"""The rules keep what restic itself keeps, for its reasons: random snapshots under random rules, in three zones.

Where a duration ends at a time that the clock had twice, restic takes either, east of Greenwich the second; here it is
always the first, which keeps more. No case of this seed does.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.keep_rules import apply_rules
from tests.helpers.restic import Repository, find_restic
from tests.helpers.retention import from_restic

RESTIC = find_restic()
SEED = 1
HOSTS, POLICIES = 40, 12
CHANGES = (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC))
"""When the clock of Berlin is changed."""
SPANS_DAYS = (0.5, 2, 10, 60, 400, 3000)
COUNTED = ("keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly")
WITHIN = ("keep-within", *(option.replace("keep-", "keep-within-") for option in COUNTED[1:]))


def make_times(random: Random, zone: ZoneInfo) -> list[datetime]:
    """Up to 18 times before November 2026, newest first, some in one second and many on the same days."""
    any_time = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(seconds=random.randrange(400 * 86400))
    soon_after_change = random.choice(CHANGES) + timedelta(seconds=random.randrange(-7200, 3 * 86400))
    latest = random.choice([any_time, soon_after_change])
    seconds = int(86400 * random.choice(SPANS_DAYS))
    ages = [random.randrange(seconds) for _ in range(random.randrange(18))]
    ages += random.sample(ages, len(ages) // 8)
    whole_days = [86400 * (age // 86400) if random.random() < 0.3 else age for age in ages]
    return [(latest - timedelta(seconds=age)).astimezone(zone) for age in sorted([0, *whole_days])]


def make_options(random: Random) -> dict[str, int | str]:
    chosen = random.sample([*COUNTED, *WITHIN], random.randrange(1, 5))
    counts = {option: random.choice([-1, 1, 2, 3, 5, 9]) for option in COUNTED}
    return {option: counts.get(option) or make_duration(random) for option in chosen}


def make_duration(random: Random) -> str:
    units = random.sample("ymdh", random.randrange(1, 4))
    return "".join(f"{random.randrange(1, {'y': 4, 'm': 15, 'd': 70, 'h': 100}[unit])}{unit}" for unit in units)


@pytest.mark.slow
@pytest.mark.skipif(RESTIC is None, reason="no restic of 0.16 or newer on PATH: tools/get-restic fetches one")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_the_rules_keep_what_restic_keeps(zone: str, tmp_path: Path, measurement: Callable[[str], None]) -> None:
    assert RESTIC
    random = Random(f"{zone} {SEED}")  # noqa: S311 - cases, not secrets
    repository = Repository(RESTIC, tmp_path / "repository", zone)
    hosts = {f"host{number}": make_times(random, ZoneInfo(zone)) for number in range(HOSTS)}
    repository.create(hosts)
    kept_count = 0
    for options in [make_options(random) for _ in range(POLICIES)]:
        by_restic = repository.forget(options)
        for host, times in hosts.items():
            ours = zip(times, apply_rules(times, from_restic(options)), strict=True)
            kept = Counter((time.astimezone(UTC), reasons) for time, reasons in ours if reasons)
            theirs = Counter((time.astimezone(UTC), reasons) for time, reasons in by_restic[host])
            assert kept == theirs, f"{host}, {options}: only ours {kept - theirs}, only restic {theirs - kept}"
            kept_count += kept.total()
    snapshots = sum(map(len, hosts.values()))
    assert HOSTS * POLICIES < kept_count < snapshots * POLICIES
    measurement(f"restic, {zone}: {HOSTS * POLICIES} cases of {snapshots} snapshots, {kept_count} kept, all equal")
