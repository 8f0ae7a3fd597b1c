"""Signatures of whole requests, as httpx would send them, against the vendor's signer."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

import httpx
import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gaussdb_backup.domain.models import AccessKey
from gaussdb_backup.huawei.auth import AccessKeyAuth

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
AWKWARD = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    st.sampled_from(["a b", "+", "~", "%", "%2B", "ü", "漢字", "", "a=b&c", "*", "'", "!"]),
)
PATHS = st.lists(AWKWARD.filter(lambda part: part.strip(".") and "/" not in part), min_size=1, max_size=4)


class Pair:
    """What the vendor's signer reads of credentials."""

    ak = "EXAMPLEAK"
    sk = "hush-hush"


class VendorSigner(Signer):  # type: ignore[misc]  # published without annotations
    """The vendor's signer over the headers that a request lists."""

    def expect(self, request: SdkRequest, names: list[str]) -> str:
        text = self._process_string_to_sign(self._process_canonical_request(request, names), NOW)
        return str(self._sign_string_to_sign(text, self._sk))


def sign(request: httpx.Request, *, token: str | None) -> httpx.Request:
    key = AccessKey(
        access_key=Pair.ak, secret_key=SecretStr(Pair.sk), security_token=SecretStr(token) if token else None
    )
    auth = AccessKeyAuth(key, project_id="0483b6b16e954cb88930a360d2c4e663", now=lambda: NOW)
    return next(auth.sync_auth_flow(request))


def expected_signature(sent: httpx.Request, names: list[str]) -> str:
    raw_path, _, raw_query = sent.url.raw_path.decode("ascii").partition("?")
    request = SdkRequest(
        method=sent.method,
        host=sent.headers["host"],
        resource_path=raw_path,  # the vendor decodes it, as the gateway does
        query_params=parse_qsl(raw_query, keep_blank_values=True),
        header_params=dict(sent.headers),
        body=sent.content,
    )
    return VendorSigner(Pair()).expect(request, names)


any_request = given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    path=PATHS,
    query=st.lists(st.tuples(AWKWARD.filter(bool), AWKWARD), max_size=6),
    body=st.binary(max_size=64),
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
)


@any_request
def test_a_request_is_signed_as_the_vendor_signs_it(
    method: str, path: list[str], query: list[tuple[str, str]], body: bytes, token: str | None
) -> None:
    check_signature(method, path, query, body, token)


@pytest.mark.slow
@settings(max_examples=1500)
@any_request
def test_every_one_of_many_requests_is_signed_as_the_vendor_signs_it(
    method: str, path: list[str], query: list[tuple[str, str]], body: bytes, token: str | None
) -> None:
    check_signature(method, path, query, body, token)


def check_signature(method: str, path: list[str], query: list[tuple[str, str]], body: bytes, token: str | None) -> None:
    url = "https://gaussdb.example:8443/" + "/".join(quote(part, safe="") for part in path)
    sent = sign(
        httpx.Request(method, url, params=[*query] or None, content=body, headers={"X-Language": "en-us"}), token=token
    )
    scheme, fields = sent.headers["authorization"].split(" ", 1)
    parts = dict(field.split("=", 1) for field in fields.split(", "))
    names = parts["SignedHeaders"].split(";")
    assert (scheme, parts["Access"]) == ("SDK-HMAC-SHA256", Pair.ak)
    assert {"host", "x-sdk-date", "x-project-id", "x-language"} <= set(names)
    assert ("x-security-token" in names) == (token is not None)
    assert parts["Signature"] == expected_signature(sent, names)
    assert sorted(parse_qsl(sent.url.query.decode(), keep_blank_values=True)) == sorted(query)
    assert b"+" not in sent.url.query


def test_headers_that_a_proxy_may_touch_are_not_signed() -> None:
    sent = sign(
        httpx.Request("GET", "https://host/v3", headers={"User-Agent": "x", "Accept": "*/*", "Connection": "close"}),
        token=None,
    )
    assert "SignedHeaders=host;x-project-id;x-sdk-date," in sent.headers["authorization"]
