"""AK/SK signing, SDK-HMAC-SHA256: pure functions, one for each step of the rule (contract, section 8.2)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "X-Sdk-Date"

_UNRESERVED = "-_.~"


def format_date(when: datetime) -> str:
    """Write an aware time as the date header wants it: `20260115T093000Z`."""
    return when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def canonical_path(raw_path: str) -> str:
    """Encode each segment of a path anew and end it with a slash, which stands here only, never on the wire."""
    segments = (quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in raw_path.split("/"))
    path = "/".join(segments)
    return path if path.endswith("/") else path + "/"


def canonical_query(parameters: Sequence[tuple[str, str]]) -> str:
    """Sort parameters by name, then value, and encode both; an empty value gives `name=`.

    It is also what goes onto the wire: what was signed is what is sent.
    """
    ordered = sorted(parameters)
    return "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in ordered)


def signed_headers(headers: Mapping[str, str]) -> str:
    """Name the headers in lower case, in order."""
    return ";".join(sorted(name.lower() for name in headers))


def canonical_headers(headers: Mapping[str, str]) -> str:
    """Write one line `name:value` for each header, in the order of `signed_headers`."""
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
    """Write the value of the Authorization header."""
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={signed_headers(headers)}, Signature={signed}"
