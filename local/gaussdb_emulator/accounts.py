"""Identities: projects, access keys with their lock, users and tokens."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .fleet import AccessKey, IamUser, Project, Rules

_TOKEN_BYTES = 3072  # real tokens are several KB long (docs/reference/gaussdb_api.md, "Tokens from IAM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token issued by IAM. Without a project it is valid for IAM only."""

    value: str
    user: IamUser
    project_id: str | None
    issued_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class _KeyLock:
    """Consecutive bad signatures of an access key, and until when it is locked."""

    failures: int = 0
    until: datetime | None = None


class Accounts:
    """The cloud's identities. Not thread-safe by itself: the caller holds the cloud's lock."""

    def __init__(self, projects: Iterable[Project], keys: Iterable[AccessKey], users: Iterable[IamUser]) -> None:
        self.projects = {project.id: project for project in projects}
        self.keys = {key.access_key: key for key in keys}
        self.users = {(user.domain_name, user.user_name): user for user in users}
        self.tokens: dict[str, Token] = {}
        self._locks: dict[str, _KeyLock] = {}

    def rotate(self, access_key: str, secret_key: str) -> None:
        """Replace the secret of an access key, and unlock it. Raises `KeyError` for an unknown key."""
        self.keys[access_key] = replace(self.keys[access_key], secret_key=secret_key)
        self.reset_failures(access_key)

    def is_locked(self, access_key: str, now: datetime) -> bool:
        """Whether the key is rejected whatever the signature."""
        until = self._locks.get(access_key, _KeyLock()).until
        return until is not None and now < until

    def record_failure(self, access_key: str, now: datetime, rules: Rules) -> None:
        """Count a bad signature; more than the allowed number in a row lock the key.

        Source: docs/reference/gaussdb_api.md, "Error codes of the gateway".
        """
        lock = self._locks.setdefault(access_key, _KeyLock())
        lock.failures += 1
        if lock.failures > rules.lock_after_failures:
            self._locks[access_key] = _KeyLock(until=now + timedelta(seconds=rules.lock_seconds))

    def reset_failures(self, access_key: str) -> None:
        """Set the count of a key to zero, and unlock it."""
        self._locks.pop(access_key, None)

    def issue_token(self, user: IamUser, project_id: str | None, now: datetime, rules: Rules) -> Token:
        """Issue a token; earlier ones stay valid."""
        value = "MII" + secrets.token_urlsafe(_TOKEN_BYTES)
        expires = now + timedelta(seconds=rules.token_seconds)
        token = Token(value=value, user=user, project_id=project_id, issued_at=now, expires_at=expires)
        self.tokens[value] = token
        return token

    def expire_tokens(self, now: datetime) -> int:
        """Expire every token now; returns how many were still valid."""
        valid = [token for token in self.tokens.values() if now < token.expires_at]
        self.tokens |= {token.value: replace(token, expires_at=now) for token in valid}
        return len(valid)
