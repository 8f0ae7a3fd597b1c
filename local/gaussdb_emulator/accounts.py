"""Who may call: projects, access keys with their lock, users and tokens."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .fleet import AccessKey, IamUser, Project, Rules

_TOKEN_BYTES = 3072  # real tokens are several KB long, and that has to fit every header on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that IAM gave. Without a project it opens nothing but IAM."""

    value: str
    user: IamUser
    project_id: str | None
    issued_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class _Lock:
    """How an access key has fared lately."""

    failures: int = 0
    until: datetime | None = None


class Accounts:
    """The cloud's identities. Not thread-safe by itself: the cloud's lock is held around every call."""

    def __init__(self, projects: Iterable[Project], keys: Iterable[AccessKey], users: Iterable[IamUser]) -> None:
        self.projects = {project.id: project for project in projects}
        self.keys = {key.access_key: key for key in keys}
        self.users = {(user.domain_name, user.user_name): user for user in users}
        self.tokens: dict[str, Token] = {}
        self._locks: dict[str, _Lock] = {}

    def rotate(self, access_key: str, secret_key: str) -> None:
        """Give an access key another secret, and a clean slate."""
        self.keys[access_key] = replace(self.keys[access_key], secret_key=secret_key)
        self._locks.pop(access_key, None)

    def is_locked(self, access_key: str, now: datetime) -> bool:
        """Whether the key is refused whatever the signature."""
        until = self._locks.get(access_key, _Lock()).until
        return until is not None and now < until

    def note_failure(self, access_key: str, now: datetime, rules: Rules) -> None:
        """Count a bad signature; more than the allowed number in a row lock the key (contract, section 7.3)."""
        lock = self._locks.setdefault(access_key, _Lock())
        lock.failures += 1
        if lock.failures > rules.lock_after_failures:
            self._locks[access_key] = _Lock(until=now + timedelta(seconds=rules.lock_seconds))

    def note_success(self, access_key: str) -> None:
        """Forget the failures of a key."""
        self._locks.pop(access_key, None)

    def issue(self, user: IamUser, project_id: str | None, now: datetime, rules: Rules) -> Token:
        """Give a new token; earlier ones stay good."""
        value = "MII" + secrets.token_urlsafe(_TOKEN_BYTES)
        expires = now + timedelta(seconds=rules.token_seconds)
        token = Token(value=value, user=user, project_id=project_id, issued_at=now, expires_at=expires)
        self.tokens[value] = token
        return token

    def expire_tokens(self, now: datetime) -> int:
        """End every token now; returns how many were still good."""
        good = [token for token in self.tokens.values() if now < token.expires_at]
        self.tokens |= {token.value: replace(token, expires_at=now) for token in good}
        return len(good)
