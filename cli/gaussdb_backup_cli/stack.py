"""A deployed stack, found by its name, and known by its outputs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import gaussdb_backup
from gaussdb_backup_cli.aws import LOCAL_VARIABLE, Account, explain
from gaussdb_backup_cli.failure import CommandFailed

MARK = "CreateBackupFunctionName"
"""An output that every version of the stack has, and hardly another application."""
NOT_CREATED = frozenset({"REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
CONNECTION_ERRORS = frozenset({"InvalidConnection", "CredentialsRefused", "PermissionDenied"})
TEMPORARY_ERRORS = frozenset({"TryLater", "InstanceBusy", "CircuitBreakerOpen"})
FORMS: Mapping[str, Mapping[str, type]] = {
    "DispatchBackups": {"queued": list, "skipped": list, "rejected": list},
    "PruneBackups": {"counts": dict, "kept": list, "deleted": list},
}
"""Fields of the responses without which nothing would be taken for no instance, or for no backup."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack as it is deployed. `version` is that of the application, `None` where it is older than the output."""

    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    account: Account

    @property
    def client(self) -> Callable[[str], Any]:
        """What returns the boto3 client of a service."""
        return self.account.client

    @property
    def version(self) -> str | None:
        """The version of the application."""
        return self.outputs.get("Version")

    def output(self, name: str) -> str:
        """Return an output. Raises `CommandFailed` where the stack is older than it."""
        if name in self.outputs:
            return self.outputs[name]
        version = f"of version {self.version}" if self.version else "of an older version"
        raise CommandFailed(
            "older_stack",
            f"the stack {self.name} is {version} and has no output {name}",
            f"deploy version {gaussdb_backup.__version__}: make deploy STACK={self.name}",
        )

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a function, given as `DispatchBackups`, and return its response. One of another version is refused.

        Raises `CommandFailed` with the function's own error, `BotoCoreError` or `ClientError`.
        """
        arn = self.output(f"{function}FunctionAliasArn")
        response = self.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event).encode())
        payload = response["Payload"].read()
        try:
            result = json.loads(payload or b"null", parse_constant=lambda _: None)
        except ValueError:
            result = None
        if "FunctionError" in response:
            raise self._explain(function, result if isinstance(result, dict) else {})
        if not isinstance(result, dict):
            raise CommandFailed("odd_response", f"{function} returned no JSON object", self._hint_of_logs(function))
        if any(not isinstance(result.get(name), kind) for name, kind in FORMS.get(function, {}).items()):
            hint = f"deploy version {gaussdb_backup.__version__}: make deploy STACK={self.name}"
            raise CommandFailed("odd_response", f"the response of {function} is none of this version", hint)
        return result

    def _explain(self, function: str, error: Mapping[str, Any]) -> CommandFailed:
        kind = str(error.get("errorType") or "error")
        text = " ".join(str(error.get("errorMessage") or "no reason given").split())
        if kind in CONNECTION_ERRORS:
            hint = "correct the secret or the cloud user's permissions, then: gaussdb-backup doctor"
        elif kind in TEMPORARY_ERRORS:
            hint = "repeat the command in a few minutes"
        elif kind == "InvalidRequest":
            hint = "correct what is named above"
        else:
            hint = self._hint_of_logs(function)
        return CommandFailed(kind, text, hint)

    def _hint_of_logs(self, function: str) -> str:
        group = self.outputs.get(f"{function}LogGroupName", f"/aws/lambda/{self.name}")
        return f"its records: aws logs tail {group} --since 10m"


def find_stack(account: Account, name: str) -> Stack:
    """Return a stack whose functions can be invoked. Raises `CommandFailed`."""
    stack = describe_stack(account, name)
    if MARK in stack.outputs:
        return stack
    if stack.status in NOT_CREATED:
        raise CommandFailed(
            "half_made",
            f"the stack {name} was not created ({stack.status})",
            f"its reason: aws cloudformation describe-stack-events --stack-name {name}; then delete and deploy it",
        )
    if stack.status.startswith("DELETE"):
        raise CommandFailed("half_made", f"the stack {name} is deleted ({stack.status})", "name another with --stack")
    if stack.status.endswith("_IN_PROGRESS"):
        raise CommandFailed("half_made", f"the stack {name} is not ready yet ({stack.status})", "wait, then repeat it")
    raise CommandFailed(
        "other_stack", f"{name} is no stack of gaussdb-backup", "name it with --stack, or set GAUSSDB_BACKUP_STACK"
    )


def describe_stack(account: Account, name: str) -> Stack:
    """Return a stack in whatever state it is. Raises `CommandFailed` where there is none, or AWS refuses."""
    try:
        [found] = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise CommandFailed(
                "no_stack",
                f"there is no stack {name} in {account.region}",
                "name it with --stack and --region, or deploy it: make deploy",
            ) from error
        raise explain(error) from error
    except BotoCoreError as error:
        if account.is_local:
            raise CommandFailed(
                "no_local_stack",
                "no local stack answers",
                f"start one in a checkout of the project: make local-stack (or set {LOCAL_VARIABLE})",
            ) from error
        raise explain(error) from error
    return Stack(
        name=name,
        status=found["StackStatus"],
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        account=account,
    )
