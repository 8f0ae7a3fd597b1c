"""Signing, step by step against vectors that the vendor's signer made."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup.huawei import signing

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "sign_vectors.json").read_text())["vectors"]

pytestmark = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


def canonical_request(vector: dict[str, Any]) -> str:
    given = vector["input"]
    return signing.canonical_request(
        given["method"],
        given["path"],
        [tuple(pair) for pair in given["query"]],
        vector["headers_sent"],
        given["body"].encode(),
    )


def test_the_canonical_request_is_the_vendors(vector: dict[str, Any]) -> None:
    assert canonical_request(vector) == vector["canonical_request"]


def test_the_string_to_sign_is_the_vendors(vector: dict[str, Any]) -> None:
    date = vector["headers_sent"]["X-Sdk-Date"]
    assert signing.string_to_sign(date, vector["canonical_request"]) == vector["string_to_sign"]


def test_the_authorization_header_is_the_vendors(vector: dict[str, Any]) -> None:
    given = vector["input"]
    signature = signing.signature(given["secret_key"], vector["string_to_sign"])
    header = signing.authorization(given["access_key"], vector["headers_sent"], signature)
    assert header == vector["expected_authorization"]


def test_the_query_on_the_wire_is_the_signed_one(vector: dict[str, Any]) -> None:
    query = signing.canonical_query([tuple(pair) for pair in vector["input"]["query"]])
    assert vector["request_uri"] == vector["input"]["path"] + (f"?{query}" if query else "")
