"""Whether the functions can run: their state, their runtime, what polls the queues, and the account's concurrency."""

from collections.abc import Mapping, Sequence
from typing import Any

from gaussdb_backup_cli.checks.resources import ALIAS, Subject
from gaussdb_backup_cli.checks.results import Outcome, Result

RUNTIME = "python3.13"
"""What the layers are built for."""
FEW = 10
"""Concurrent invocations below which other functions of the account may leave none."""
QUOTA = "service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"


def check_functions(subject: Subject) -> list[Result]:
    """Whether each function can be invoked, by its alias where it has one, and has the runtime of its layers."""
    resources, client = subject.resources, subject.client("lambda")
    names = [resources.function(name) for name in resources.of_type("AWS::Lambda::Function").values()]
    states = [client.get_function_configuration(FunctionName=name) for name in names]
    return [_check_states(subject, names, states), _check_runtimes(subject, states)]


def _check_states(subject: Subject, names: Sequence[str], states: Sequence[Mapping[str, Any]]) -> Result:
    if failed := [each for each in states if "Failed" in (each.get("State"), each.get("LastUpdateStatus"))]:
        reasons = [each.get("StateReason") or each.get("LastUpdateStatusReason", "no reason") for each in failed]
        detail = "; ".join(f"{each['FunctionName']}: {why}" for each, why in zip(failed, reasons, strict=True))
        return Result("functions", Outcome.FAILED, detail, "remove the reason, then deploy again")
    if pending := [each["FunctionName"] for each in states if each.get("State") == "Pending"]:
        action = f"wait a minute, then: {subject.actions.ours('doctor')}"
        return Result("functions", Outcome.NEEDS_YOU, f"not yet active: {', '.join(pending)}", action)
    by_alias = sum(name.endswith(f":{ALIAS}") for name in names)
    return Result("functions", Outcome.OK, f"{len(names)} active, {by_alias} of them by the alias {ALIAS}")


def _check_runtimes(subject: Subject, states: Sequence[Mapping[str, Any]]) -> Result:
    runtimes = {str(each.get("FunctionName")): str(each.get("Runtime")) for each in states if each.get("Runtime")}
    if others := {name: runtime for name, runtime in runtimes.items() if runtime != RUNTIME}:
        detail = "; ".join(f"{name} has {runtime}" for name, runtime in others.items())
        action = subject.actions.deploy()
        return Result("runtime", Outcome.FAILED, f"the layers are built for {RUNTIME}, but {detail}", action)
    layers = len({layer["Arn"] for each in states for layer in each.get("Layers", [])})
    kinds = ", ".join(sorted({kind for each in states for kind in each.get("Architectures", [])})) or "unknown"
    return Result("runtime", Outcome.OK, f"{RUNTIME} on {kinds}, {layers} layer{'' if layers == 1 else 's'}")


def check_event_source_mappings(subject: Subject) -> Result:
    """Whether Lambda polls each queue."""
    name, client = "event source mappings", subject.client("lambda")
    ids = subject.resources.of_type("AWS::Lambda::EventSourceMapping").values()
    states = {uuid: client.get_event_source_mapping(UUID=uuid)["State"] for uuid in ids}
    if disabled := [uuid for uuid, state in states.items() if state in ("Disabled", "Disabling")]:
        action = subject.actions.aws(f"lambda update-event-source-mapping --enabled --uuid {disabled[0]}")
        return Result(name, Outcome.FAILED, f"{len(disabled)} of {len(ids)} are disabled", f"for each: {action}")
    if changing := sorted({state for state in states.values() if state != "Enabled"}):
        action = f"wait a minute, then: {subject.actions.ours('doctor')}"
        return Result(name, Outcome.NEEDS_YOU, f"not yet enabled: {', '.join(changing)}", action)
    return Result(name, Outcome.OK, f"{len(ids)} enabled")


def check_concurrency(subject: Subject) -> Result:
    """Whether the account leaves the functions enough concurrent invocations, none of which is reserved for them."""
    limits = subject.client("lambda").get_account_settings()["AccountLimit"]
    left, limit = int(limits["UnreservedConcurrentExecutions"]), int(limits["ConcurrentExecutions"])
    detail = f"{left:,} unreserved, of {limit:,} of the account"
    if left >= FEW:
        return Result("concurrency", Outcome.OK, detail)
    return Result(
        "concurrency", Outcome.NEEDS_YOU, detail, f"raise it: {subject.actions.aws(QUOTA)} --desired-value 1000"
    )
