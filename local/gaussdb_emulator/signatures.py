"""Signatures, checked with the vendor's own signer (docs/reference/gaussdb_api.md, "Signing with an access key")."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from .request import Request

UNSIGNED = "UNSIGNED-PAYLOAD"
_FORM = re.compile(r"SDK-HMAC-SHA256 +Access=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The parsed `Authorization` header."""

    access_key: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCheck:
    """Whether a signature is valid, and the canonical request that it was compared with."""

    is_valid: bool
    canonical_request: str


def read_authorization(header: str) -> Authorization | None:
    """Parse the header; `None` if it does not have the form of SDK-HMAC-SHA256."""
    match = _FORM.fullmatch(header.strip())
    if match is None:
        return None
    access_key, names, signature = match.groups()
    return Authorization(access_key=access_key, signed_headers=tuple(names.split(";")), signature=signature)


def signing_time(request: Request) -> datetime | None:
    """Return the time of `X-Sdk-Date`, or `None` if it is missing or has another form."""
    try:
        return datetime.strptime(request.headers.get("x-sdk-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def check_signature(request: Request, authorization: Authorization, secret_key: str, at: datetime) -> SignatureCheck:
    """Check a signature by the listed headers only, over path, query and body as they arrived.

    A header that is listed but missing, a list without `x-sdk-date`, and an `X-Sdk-Content-Sha256` that is neither
    `UNSIGNED-PAYLOAD` nor the body's hash make the signature invalid.
    """
    names = list(authorization.signed_headers)
    if "x-sdk-date" not in names or not set(names) <= request.headers.keys() or not _body_hash_matches(request):
        return SignatureCheck(is_valid=False, canonical_request="")
    signer = _VendorSigner(_Credentials(authorization.access_key, secret_key))
    canonical, expected = signer.expect(_to_sdk_request(request), names, at)
    return SignatureCheck(is_valid=hmac.compare_digest(expected, authorization.signature), canonical_request=canonical)


class _Credentials(NamedTuple):
    """The attributes that the signer reads. Importing the vendor's class would write a file into the home directory."""

    ak: str
    sk: str


class _VendorSigner(Signer):  # type: ignore[misc]  # the vendor's package has no annotations
    """The vendor's signer, over the given headers instead of all of them."""

    def expect(self, request: SdkRequest, names: list[str], at: datetime) -> tuple[str, str]:
        canonical = self._process_canonical_request(request, names)
        signature = self._sign_string_to_sign(self._process_string_to_sign(canonical, at), self._sk)
        return canonical, signature


def _to_sdk_request(request: Request) -> SdkRequest:
    return SdkRequest(
        method=request.method,
        host=request.headers.get("host", ""),
        resource_path=request.path,
        query_params=request.query_pairs(),
        header_params={name: _decode_header(value) for name, value in request.headers.items()},
        body=request.body,
    )


def _decode_header(value: str) -> str:
    """Decode as UTF-8, which the vendor's SDK sends; WSGI decodes header bytes as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _body_hash_matches(request: Request) -> bool:
    declared = request.headers.get("x-sdk-content-sha256")
    return declared in (None, UNSIGNED, hashlib.sha256(request.body).hexdigest())
