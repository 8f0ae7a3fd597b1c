"""A stack whose plan has run in the past, and the backups of these runs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import boto3

from local.gaussdb_emulator import PastBackup
from tests.helpers.command_line import GROUP, NAME, ZONE, StackUnderTest

INSTANCES = {"orders": 0xA1, "stock---bung-": 0xB2, "billing": 0xC3}
"""The instances by what their names become in a backup's name."""


def run_daily(stack: StackUnderTest, *, hours_ago: float = 6, name: str = f"{NAME}-nightly") -> datetime:
    """Have a schedule run each day at the time that it was so many hours ago; return that time, in UTC."""
    time = (datetime.now(UTC) - timedelta(hours=hours_ago)).replace(second=0, microsecond=0)
    local = time.astimezone(ZoneInfo(ZONE))
    change_schedule(stack, name, ScheduleExpression=f"cron({local.minute} {local.hour} * * ? *)")
    return time


def change_schedule(stack: StackUnderTest, name: str, **fields: Any) -> None:
    """Change fields of a schedule, and have all of them created long ago."""
    client = boto3.client("scheduler")
    found = client.get_schedule(GroupName=GROUP, Name=name)
    kept = ("Target", "State", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow")
    client.update_schedule(GroupName=GROUP, Name=name, **{**{key: found[key] for key in kept}, **fields})

    def get_schedule(**arguments: Any) -> Any:
        return {**client.get_schedule(**arguments), "CreationDate": datetime.now(UTC) - timedelta(days=90)}

    stack.change("scheduler", get_schedule=get_schedule)


def name_of(instance: str, run: datetime) -> str:
    """Return the name of the backup of an instance in a run of the plan."""
    return f"nightly-{instance}-{run.astimezone(ZoneInfo(ZONE)):%Y%m%d-%H%M}"


def add_run(stack: StackUnderTest, run: datetime, *instances: str, **fields: Any) -> list[str]:
    """Add the backups of a run, of all instances unless some are given, which began a little later."""
    return stack.deployment.cloud.add_backups(
        *(
            PastBackup(
                **{
                    "instance_id": f"{INSTANCES[each]:032x}in07",
                    "name": name_of(each, run),
                    "begin_time": run + timedelta(seconds=4),
                    **fields,
                }
            )
            for each in instances or INSTANCES
        )
    )
