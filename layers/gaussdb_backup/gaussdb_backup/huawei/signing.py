"""AK/SK signing, SDK-HMAC-SHA256: one function for each step.

Source: docs/reference/gaussdb_api.md, "Signing with an access key".
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "X-Sdk-Date"

_UNRESERVED = "-_.~"


def format_date(when: datetime) -> str:
    """Format an aware time for the date header: `20260115T093000Z`."""
    return when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def canonical_path(raw_path: str) -> str:
    """Encode each segment of a path again; the slash at the end is in the canonical request only, never on the wire."""
    segments = (quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in raw_path.split("/"))
    path = "/".join(segments)
    return path if path.endswith("/") else path + "/"


def canonical_query(parameters: Sequence[tuple[str, str]]) -> str:
    """Sort parameters by name, then value, and encode both; an empty value gives `name=`.

    The query is sent in this form too: what is signed is what is sent.
    """
    ordered = sorted(parameters)
    return "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in ordered)


def signed_headers(headers: Mapping[str, str]) -> str:
    """Return the names of the headers in lower case, sorted."""
    return ";".join(sorted(name.lower() for name in headers))


def canonical_headers(headers: Mapping[str, str]) -> str:
    """Return one line `name:value` for each header, in the order of `signed_headers`."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    return "".join(f"{name}:{values[name]}\n" for name in sorted(values))


def canonical_request(
    method: str, raw_path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes
) -> str:
    """Join what is signed: method, path, query, headers, their names, hash of the body as it is sent."""
    return "\n".join(
        [
            method.upper(),
            canonical_path(raw_path),
            canonical_query(parameters),
            canonical_headers(headers),
            signed_headers(headers),
            hashlib.sha256(body).hexdigest(),
        ]
    )


def string_to_sign(date: str, request: str) -> str:
    """Join algorithm, date and the hash of the canonical request."""
    return f"{ALGORITHM}\n{date}\n{hashlib.sha256(request.encode()).hexdigest()}"


def signature(secret_key: str, text: str) -> str:
    """Sign with the secret key as it is: no key is derived, no scope is mixed in."""
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def authorization(access_key: str, headers: Mapping[str, str], signed: str) -> str:
    """Return the value of the Authorization header."""
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={signed_headers(headers)}, Signature={signed}"
