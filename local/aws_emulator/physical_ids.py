"""What CloudFormation returns for the resources of a template: their names, ids and ARNs.

They are known before anything is created: where the template gives no name, the name is the stack's and the logical id.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from .stack import FUNCTION, PSEUDO_PARAMETERS, STACK_NAME, Stack, default_parameters

_REGION, _ACCOUNT = PSEUDO_PARAMETERS["AWS::Region"], PSEUDO_PARAMETERS["AWS::AccountId"]
_LOCAL = f"{_REGION}:{_ACCOUNT}"


class _Kind(NamedTuple):
    """How a type of resource is named: the property with its name, and its ARN behind `arn:aws:`."""

    name: str = ""
    arn: str = ""


_KINDS: Mapping[str, _Kind] = {
    "AWS::CloudWatch::Alarm": _Kind("AlarmName", f"cloudwatch:{_LOCAL}:alarm:{{name}}"),
    "AWS::CloudWatch::Dashboard": _Kind("DashboardName"),
    "AWS::DynamoDB::Table": _Kind("TableName", f"dynamodb:{_LOCAL}:table/{{name}}"),
    "AWS::IAM::Role": _Kind("RoleName", f"iam::{_ACCOUNT}:role/{{name}}"),
    "AWS::Logs::LogGroup": _Kind("LogGroupName", f"logs:{_LOCAL}:log-group:{{name}}:*"),
    "AWS::S3::Bucket": _Kind("BucketName", "s3:::{name}"),
    "AWS::SNS::Topic": _Kind("TopicName", f"sns:{_LOCAL}:{{name}}"),
    "AWS::SQS::Queue": _Kind("QueueName", f"sqs:{_LOCAL}:{{name}}"),
    "AWS::Scheduler::Schedule": _Kind("Name", f"scheduler:{_LOCAL}:schedule/{STACK_NAME}/{{name}}"),
    "AWS::Scheduler::ScheduleGroup": _Kind("Name", f"scheduler:{_LOCAL}:schedule-group/{{name}}"),
    FUNCTION: _Kind("FunctionName", f"lambda:{_LOCAL}:function:{{name}}"),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as CloudFormation lists it; `physical_id` is what `Ref` returns."""

    logical_id: str
    type: str
    physical_id: str


def resolve_stack(template: Mapping[str, Any], url: str, **overrides: str) -> Stack:
    """Return the stack with its references. `url` is the emulator's address, which the queues' begin with.

    Raises `KeyError` for a parameter that the template does not have.
    """
    defaults = default_parameters(template)
    if unknown := overrides.keys() - defaults.keys():
        raise KeyError(f"the template has no such parameter: {', '.join(sorted(unknown))}")
    named = Stack(template, defaults | overrides)
    references: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for logical_id, resource in template["Resources"].items():
        kind = _KINDS.get(resource["Type"], _Kind())
        name = str(named.resolve(resource.get("Properties", {}).get(kind.name, f"{STACK_NAME}-{logical_id}")))
        arn = f"arn:aws:{kind.arn.format(name=name)}"
        references[logical_id] = name
        if kind.arn:
            attributes[f"{logical_id}.Arn"] = arn
        match resource["Type"]:
            case "AWS::SQS::Queue":
                references[logical_id] = f"{url}/{_ACCOUNT}/{name}"
                attributes[f"{logical_id}.QueueName"] = name
            case "AWS::SNS::Topic":
                references[logical_id] = arn
            case "AWS::S3::Bucket":
                references[logical_id] = name.lower()
            case "AWS::Serverless::Function":
                references[f"{logical_id}Aliaslive"] = f"{arn}:live"
    return Stack(template, named.parameters, references, attributes)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The event source mapping of a function that the template gives an event of type SQS."""

    logical_id: str
    uuid: str
    function: str
    """Logical id of the function."""
    queue: str
    """Logical id of the queue."""
    properties: Mapping[str, Any]


def find_mappings(stack: Stack) -> Iterator[Mapped]:
    """Yield the event source mappings, as SAM names them."""
    queues = {arn: path.split(".")[0] for path, arn in stack.attributes.items() if path.endswith(".Arn")}
    for function, resource in stack.template["Resources"].items():
        if resource["Type"] != FUNCTION:
            continue
        for name, event in resource["Properties"].get("Events", {}).items():
            if event["Type"] == "SQS":
                properties = stack.resolve(event["Properties"])
                uuid = str(uuid5(NAMESPACE_URL, f"{function}{name}"))
                yield Mapped(f"{function}{name}", uuid, function, queues[properties["Queue"]], properties)


CREATED = frozenset(_KINDS) - {"AWS::CloudWatch::Dashboard", "AWS::IAM::Role", "AWS::Logs::LogGroup"}
"""Types that exist on this machine. Of the others only names do: roles, layers and policies have no effect here."""


def list_resources(stack: Stack) -> Iterator[Resource]:
    """Yield the resources that exist on this machine, with those that SAM makes of a function."""
    for logical_id, resource in stack.template["Resources"].items():
        if resource["Type"] not in CREATED or not stack.exists(logical_id):
            continue
        if resource["Type"] == FUNCTION:
            alias = f"{logical_id}Aliaslive"
            yield Resource(logical_id, "AWS::Lambda::Function", stack.resources[logical_id])
            yield Resource(alias, "AWS::Lambda::Alias", stack.resources[alias])
        else:
            yield Resource(logical_id, resource["Type"], stack.resources[logical_id])
    for mapped in find_mappings(stack):
        yield Resource(mapped.logical_id, "AWS::Lambda::EventSourceMapping", mapped.uuid)
