"""The bucket of the reports: private, encrypted, over TLS, and emptied by itself."""

from typing import Any

import pytest

from local.aws_emulator.stack import Stack


@pytest.fixture
def bucket(stack: Stack) -> dict[str, Any]:
    [found] = stack.of_type("AWS::S3::Bucket").values()
    return found


def test_the_bucket_is_private_and_encrypted(bucket: dict[str, Any]) -> None:
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_reports_expire(bucket: dict[str, Any], template: dict[str, Any]) -> None:
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    default = template["Parameters"]["ReportRetentionDays"]["Default"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", str(default))


def test_nobody_uses_the_bucket_without_tls(template: dict[str, Any]) -> None:
    [policy] = [each for each in template["Resources"].values() if each["Type"] == "AWS::S3::BucketPolicy"]
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [{"Fn::GetAtt": ["ReportBucket", "Arn"]}, {"Fn::Sub": "${ReportBucket.Arn}/*"}]


def test_the_bucket_outlives_the_stack(template: dict[str, Any]) -> None:
    """CloudFormation deletes no bucket that has content, and a report may be what an auditor asks for."""
    bucket = template["Resources"]["ReportBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
