"""Actors: who does something. Every call, page and command has exactly one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What an actor may do, from least to most; the table is in permissions.py."""

    VIEWER = "viewer"
    USER = "user"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other one may."""
        return _RANK[self] >= _RANK[other]

    def at_most(self, other: Role) -> Role:
        """The lesser of two roles."""
        return self if other.includes(self) else other


class ActorKind(StrEnum):
    """How an actor came in."""

    PERSON = "person"
    """Signed in through the pages."""
    KEY = "key"
    """A program with an API key."""
    LOCAL = "local"
    """Whoever runs commands on this machine as the account that owns the home."""
    PROVER = "prover"
    """The Proof, which asks a version before anybody else may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. `id` is the user's or key's id; `credential` tells by which session or key it came (no secret)."""

    id: str
    name: str
    role: Role
    kind: ActorKind
    credential: str = field(default="", repr=False)


LOCAL: Final = Actor(id="local", name="local", role=Role.OWNER, kind=ActorKind.LOCAL)
"""The person at this machine's command line: may read the home's files anyway, so may do everything."""

PROVER: Final = Actor(id="prover", name="proof", role=Role.USER, kind=ActorKind.PROVER)
"""The Proof as the audit chain names it."""

_RANK: Final = {Role.VIEWER: 0, Role.USER: 1, Role.OWNER: 2}
