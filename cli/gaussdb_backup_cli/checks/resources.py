"""What CloudFormation knows of the resources of a deployed stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gaussdb_backup_cli.checks.results import Actions
from gaussdb_backup_cli.stack import Stack

SCHEDULE, AUDIT_SCHEDULE, PRUNE_SCHEDULE = "NightlySchedule", "AuditSchedule", "PruneSchedule"
DISPATCH_FUNCTION = "DispatchBackupsFunction"
TOPIC = "BackupNotifications"
ALIAS = "live"
"""Which version of a function is in use, where the stack publishes versions."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `physical_id` is what `Ref` returns, and empty while it is not there."""

    logical_id: str
    type: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a stack that are not deleted."""

    all: Sequence[Resource]

    def of_type(self, resource_type: str) -> dict[str, str]:
        """Return the physical ids of the resources of a type that are there, by logical id."""
        found = (each for each in self.all if each.type == resource_type and each.physical_id)
        return {each.logical_id: each.physical_id for each in found}

    def id_of(self, logical_id: str) -> str | None:
        """Return the physical id of a resource; `None` where the stack does not have it."""
        return next((each.physical_id for each in self.all if each.logical_id == logical_id), None) or None

    @property
    def dead_letter_queues(self) -> dict[str, str]:
        """The URLs of the queues that are empty while all is well, by logical id."""
        queues = self.of_type("AWS::SQS::Queue")
        return {name: url for name, url in queues.items() if name.endswith(("DeadLetterQueue", "InvocationsQueue"))}

    def function(self, name: str) -> str:
        """Return what a function is invoked by: the ARN of its alias where the stack has one, else its name."""
        aliases = self.of_type("AWS::Lambda::Alias").values()
        return next((arn for arn in aliases if arn.endswith(f":{name}:{ALIAS}")), name)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a stack with its resources, at one time. `actions` are the commands that the checks advise."""

    stack: Stack
    resources: Resources
    actions: Actions
    now: datetime

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service."""
        return self.stack.client(service)


def list_resources(client: Any, stack: str) -> Resources:
    """Return the resources of a stack. Raises what boto3 raises."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    summaries: list[Mapping[str, Any]] = [summary for page in pages for summary in page["StackResourceSummaries"]]
    return Resources(
        [
            Resource(each["LogicalResourceId"], each["ResourceType"], each.get("PhysicalResourceId", ""))
            for each in summaries
            if each.get("ResourceStatus") != "DELETE_COMPLETE"
        ]
    )
