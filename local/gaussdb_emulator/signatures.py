"""Signatures, checked with the vendor's own signer (contract, section 8.2)."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from .request import Call

UNSIGNED = "UNSIGNED-PAYLOAD"
_FORM = re.compile(r"SDK-HMAC-SHA256 +Access=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What the header says: who signed which headers, and the outcome."""

    access_key: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a signature is good, and the canonical request it was checked against."""

    is_good: bool
    canonical_request: str


def read_authorization(header: str) -> Authorization | None:
    """Read the header, or `None` if it does not have the form of SDK-HMAC-SHA256."""
    match = _FORM.fullmatch(header.strip())
    if match is None:
        return None
    access_key, names, signature = match.groups()
    return Authorization(access_key=access_key, signed_headers=tuple(names.split(";")), signature=signature)


def signing_time(call: Call) -> datetime | None:
    """Return the time of `X-Sdk-Date`, or `None` if it is missing or has another form."""
    try:
        return datetime.strptime(call.headers.get("x-sdk-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def verify(call: Call, authorization: Authorization, secret_key: str, at: datetime) -> Verdict:
    """Check a signature by the listed headers only, over path, query and body as they arrived.

    A header that is listed but did not come, a list without `x-sdk-date`, and an `X-Sdk-Content-Sha256` that is
    neither `UNSIGNED-PAYLOAD` nor the body's hash make the signature bad.
    """
    names = list(authorization.signed_headers)
    if "x-sdk-date" not in names or not set(names) <= call.headers.keys() or not _declares_its_body(call):
        return Verdict(is_good=False, canonical_request="")
    signer = _VendorSigner(_Pair(authorization.access_key, secret_key))
    canonical, expected = signer.expect(_as_sdk_request(call), names, at)
    return Verdict(is_good=hmac.compare_digest(expected, authorization.signature), canonical_request=canonical)


class _Pair(NamedTuple):
    """What the signer reads of credentials. Importing the vendor's own would write a file into the home directory."""

    ak: str
    sk: str


class _VendorSigner(Signer):  # type: ignore[misc]  # the vendor's package has no annotations
    """The vendor's signer, told which headers count instead of taking all of them."""

    def expect(self, request: SdkRequest, names: list[str], at: datetime) -> tuple[str, str]:
        canonical = self._process_canonical_request(request, names)
        signature = self._sign_string_to_sign(self._process_string_to_sign(canonical, at), self._sk)
        return canonical, signature


def _as_sdk_request(call: Call) -> SdkRequest:
    return SdkRequest(
        method=call.method,
        host=call.headers.get("host", ""),
        resource_path=call.path,
        query_params=call.query_pairs(),
        header_params={name: _as_sent(value) for name, value in call.headers.items()},
        body=call.body,
    )


def _as_sent(value: str) -> str:
    """WSGI reads header bytes as Latin-1; the signer wants the text, which the vendor's SDK sends as UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _declares_its_body(call: Call) -> bool:
    declared = call.headers.get("x-sdk-content-sha256")
    return declared in (None, UNSIGNED, hashlib.sha256(call.body).hexdigest())
