"""Creates the resources of a stack in moto by the services' own calls, whose parameters are named as in a template."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .stack import Stack

type Client = Callable[[str], Any]
"""Returns the boto3 client of a service."""


def create_resources(client: Client, stack: Stack) -> None:
    """Create all that `CREATED` names but the functions, which `lambda_api` has. Raises what boto3 raises."""
    # A dead-letter queue exists before the queues that name it.
    queues = sorted(_existing(stack, "AWS::SQS::Queue"), key=lambda each: "RedrivePolicy" in each[1])
    for logical_id, properties in queues:
        attributes = {name: _as_text(value) for name, value in properties.items() if name != "QueueName"}
        name = stack.attributes[f"{logical_id}.QueueName"]
        client("sqs").create_queue(QueueName=name, Attributes=attributes)
    for logical_id, properties in _existing(stack, "AWS::DynamoDB::Table"):
        _call(client("dynamodb"), "create_table", {"TableName": stack.resources[logical_id], **properties})
    for logical_id, _ in _existing(stack, "AWS::S3::Bucket"):
        placement = {"LocationConstraint": client("s3").meta.region_name}
        client("s3").create_bucket(Bucket=stack.resources[logical_id], CreateBucketConfiguration=placement)
    for logical_id, _ in _existing(stack, "AWS::SNS::Topic"):
        client("sns").create_topic(Name=stack.resources[logical_id].rpartition(":")[2])
    for _, properties in _existing(stack, "AWS::SNS::Subscription"):
        _call(client("sns"), "subscribe", properties)
    for _, properties in _existing(stack, "AWS::Scheduler::ScheduleGroup"):
        _call(client("scheduler"), "create_schedule_group", properties)
    for _, properties in _existing(stack, "AWS::Scheduler::Schedule"):
        _call(client("scheduler"), "create_schedule", properties)
    for _, properties in _existing(stack, "AWS::CloudWatch::Alarm"):
        _call(client("cloudwatch"), "put_metric_alarm", properties)


def _existing(stack: Stack, resource_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical_id, resource in stack.template["Resources"].items():
        if resource["Type"] == resource_type and stack.exists(logical_id):
            yield logical_id, stack.resolve(resource.get("Properties", {}))


def _as_text(value: object) -> str:
    """Render an attribute of a queue: all of them are texts."""
    return value if isinstance(value, str) else json.dumps(value)


def _call(client: Any, method: str, properties: Mapping[str, Any]) -> None:  # noqa: ANN401 - a boto3 client
    """Make a call with the properties that it knows, numbers as numbers: a reference to a parameter is a text."""
    operation = client.meta.method_to_api_mapping[method]
    shape = client.meta.service_model.operation_model(operation).input_shape
    getattr(client, method)(**_fit(shape, properties))


def _fit(shape: Any, value: Any) -> Any:  # noqa: ANN401 - botocore's shapes, and any value of a template
    match shape.type_name:
        case "structure":
            return {name: _fit(shape.members[name], item) for name, item in value.items() if name in shape.members}
        case "list":
            return [_fit(shape.member, item) for item in value]
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case _:
            return value
