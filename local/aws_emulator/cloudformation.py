"""CloudFormation as an operator reads it: DescribeStacks and ListStackResources of the one stack.

Moto's own knows neither aliases nor alarms nor schedules, and takes two seconds to load.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from .physical_ids import list_resources
from .stack import PSEUDO_PARAMETERS, STACK_NAME, Stack
from .wsgi import Request, Response

STATUS = "CREATE_COMPLETE"
STACK_ID = (
    f"arn:aws:cloudformation:{PSEUDO_PARAMETERS['AWS::Region']}:{PSEUDO_PARAMETERS['AWS::AccountId']}"
    f":stack/{STACK_NAME}/00000000-0000-4000-8000-0000000000a1"
)

type Element = str | Mapping[str, Element] | Sequence[Element]


class CloudFormation:
    """Handles the calls about a stack, which was created at `created_at`."""

    def __init__(self, stack: Stack, created_at: datetime) -> None:
        self._stack = stack
        self._time = created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __call__(self, request: Request) -> Response:
        """Handle a call of the query protocol."""
        given = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        action, name = given.get("Action", ""), given.get("StackName", STACK_NAME)
        if name not in (STACK_NAME, STACK_ID):
            return _refuse("ValidationError", f"Stack with id {name} does not exist")
        match action:
            case "DescribeStacks":
                return _respond(action, {"Stacks": [self._describe()]})
            case "ListStackResources":
                return _respond(action, {"StackResourceSummaries": self._list()})
            case _:
                return _refuse("InvalidAction", f"CloudFormation is emulated without {action}")

    def _describe(self) -> Element:
        described = {name: each.get("Description", "") for name, each in self._stack.template["Outputs"].items()}
        return {
            "StackId": STACK_ID,
            "StackName": STACK_NAME,
            "Description": self._stack.template.get("Description", ""),
            "CreationTime": self._time,
            "StackStatus": STATUS,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in self._stack.parameters.items()
            ],
            "Outputs": [
                {"OutputKey": name, "OutputValue": value, "Description": described[name]}
                for name, value in self._stack.outputs().items()
            ],
        }

    def _list(self) -> list[Element]:
        return [
            {
                "LogicalResourceId": each.logical_id,
                "PhysicalResourceId": each.physical_id,
                "ResourceType": each.type,
                "LastUpdatedTimestamp": self._time,
                "ResourceStatus": STATUS,
            }
            for each in list_resources(self._stack)
        ]


def _respond(action: str, result: Mapping[str, Element]) -> Response:
    document = {f"{action}Response": {f"{action}Result": result}}
    return Response(HTTPStatus.OK, _render(document).encode(), {"Content-Type": "text/xml"})


def _refuse(code: str, message: str) -> Response:
    document = {"ErrorResponse": {"Error": {"Type": "Sender", "Code": code, "Message": message}}}
    return Response(HTTPStatus.BAD_REQUEST, _render(document).encode(), {"Content-Type": "text/xml"})


def _render(element: Element) -> str:
    """Render an element as XML: an item of a list is a `member`."""
    match element:
        case str():
            return escape(element)
        case Mapping():
            return "".join(f"<{name}>{_render(item)}</{name}>" for name, item in element.items())
        case _:
            return "".join(f"<member>{_render(item)}</member>" for item in element)
