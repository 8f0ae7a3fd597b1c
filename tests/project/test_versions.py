"""A version of each function for every change: the alias runs what was deployed, and can run an earlier one."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest
from samtranslator.translator.transform import transform

TYPES = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """The template as SAM transforms it, its folders packaged."""
    packaged = deepcopy(template)
    for resource in packaged["Resources"].values():
        if (key := TYPES.get(resource["Type"])) and not resource["Properties"][key].startswith("s3:"):
            resource["Properties"][key] = f"s3://bucket/{resource['Properties'][key]}"
    resources: dict[str, Any] = transform(packaged, {}, NoManagedPolicies())["Resources"]
    return resources


def versions(resources: dict[str, Any]) -> dict[str, str]:
    """Function to the logical id of its version: another one is another version."""
    found = {name: each for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}
    return {each["Properties"]["FunctionName"]["Ref"]: name for name, each in found.items()}


def parameters_in(value: object, template: dict[str, Any]) -> set[str]:
    text = json.dumps(value)
    found = {*re.findall(r'"Ref": "(\w+)"', text), *re.findall(r"\$\{(\w+)\}", text)}
    return found & set(template["Parameters"])


@pytest.fixture
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


CONSUMERS = ["CreateBackupFunction", "DispatchBackupsFunction", "TrackBackupsFunction"]
FUNCTIONS = sorted([*CONSUMERS, "AuditBackupsFunction", "PruneBackupsFunction"])


@pytest.mark.usefixtures("_region")
@pytest.mark.parametrize("changed", ["DependenciesLayer", "GaussDBBackupLayer"])
def test_a_layer_with_other_content_makes_a_version_of_each_function(template: dict[str, Any], changed: str) -> None:
    other = deepcopy(template)
    other["Resources"][changed]["Properties"]["ContentUri"] = "s3://bucket/other"
    before, after = versions(translate(template)), versions(translate(other))
    assert sorted(before) == FUNCTIONS
    assert [name for name in FUNCTIONS if before[name] == after[name]] == []


@pytest.mark.usefixtures("_region")
@pytest.mark.parametrize("changed", FUNCTIONS)
def test_a_function_that_changes_makes_a_version_of_it_alone(template: dict[str, Any], changed: str) -> None:
    other = deepcopy(template)
    other["Resources"][changed]["Properties"]["MemorySize"] = 2048
    before, after = versions(translate(template)), versions(translate(other))
    assert [name for name in FUNCTIONS if before[name] != after[name]] == [changed]


@pytest.mark.usefixtures("_region")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_version_is_described_by_every_parameter_that_its_function_uses(
    template: dict[str, Any], function: str
) -> None:
    """SAM takes no notice of a parameter's value. CloudFormation replaces a version whose description changes."""
    resources = translate(template)
    properties = resources[function]["Properties"]
    del properties["Tags"]
    version = resources[versions(resources)[function]]
    assert parameters_in(version["Properties"]["Description"], template) == parameters_in(properties, template)


@pytest.mark.usefixtures("_region")
def test_earlier_versions_are_retained_for_a_roll_back(template: dict[str, Any]) -> None:
    for version in (each for each in translate(template).values() if each["Type"] == "AWS::Lambda::Version"):
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.usefixtures("_region")
def test_queues_invoke_the_alias(template: dict[str, Any]) -> None:
    mappings = [each for each in translate(template).values() if each["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert sorted(each["Properties"]["FunctionName"]["Ref"] for each in mappings) == [
        f"{name}Aliaslive" for name in CONSUMERS
    ]


@pytest.mark.usefixtures("_region")
def test_schedules_that_invoke_a_function_invoke_its_alias(template: dict[str, Any]) -> None:
    schedules = [each for each in translate(template).values() if each["Type"] == "AWS::Scheduler::Schedule"]
    targets = [each["Properties"]["Target"]["Arn"] for each in schedules]
    invoked = sorted(target["Ref"] for target in targets if "Ref" in target)
    assert invoked == ["AuditBackupsFunctionAliaslive", "PruneBackupsFunctionAliaslive"]


def test_a_failure_of_an_invocation_without_the_alias_is_kept_as_well(template: dict[str, Any]) -> None:
    """SAM configures the alias alone."""
    functions = {
        name: each["Properties"]["EventInvokeConfig"]
        for name, each in template["Resources"].items()
        if "EventInvokeConfig" in each.get("Properties", {})
    }
    unqualified = {
        each["Properties"]["FunctionName"]["Ref"]: each["Properties"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Lambda::EventInvokeConfig"
    }
    invoked = set(FUNCTIONS) - {"TrackBackupsFunction"}
    assert set(functions) == set(unqualified) == invoked
    for name, by_sam in functions.items():
        own = unqualified[name]
        assert own["Qualifier"] == "$LATEST"
        assert (
            own["DestinationConfig"]["OnFailure"]["Destination"]
            == (by_sam["DestinationConfig"]["OnFailure"]["Destination"])
        )
        for limit in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
            assert own[limit] == by_sam[limit]
