"""The template with its references filled in by names that tell what they stand for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PSEUDO_PARAMETERS = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::StackName"}


@dataclass(frozen=True)
class Stack:
    """A template. A parameter is filled in by its default, a resource by its logical id (and attribute)."""

    template: Mapping[str, Any]

    @property
    def resources(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.template["Resources"]
        return found

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of each resource of a type, filled in."""
        return {
            name: self.fill(resource.get("Properties", {}))
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def fill(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, dict):
            return value
        if list(value) == ["Ref"]:
            return self._name(value["Ref"])
        if list(value) == ["Fn::GetAtt"]:
            return ".".join(self._check(value["Fn::GetAtt"]))
        if list(value) == ["Fn::Sub"] and isinstance(value["Fn::Sub"], str):
            return re.sub(r"\$\{([\w:.]+)\}", lambda match: self._name(match[1]), value["Fn::Sub"])
        return {key: self.fill(item) for key, item in value.items()}

    def _name(self, reference: str) -> str:
        if reference in self.template["Parameters"]:
            return str(self.template["Parameters"][reference]["Default"])
        if reference not in PSEUDO_PARAMETERS:
            self._check(reference.split("."))
        return reference

    def _check(self, path: list[str]) -> list[str]:
        if path[0] not in self.resources:
            raise KeyError(f"the template has no {path[0]}")
        return path
