"""The one table of what each role may do. Every route, page and verb names one Action and asks here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from unshelve.errors import NotAllowed, SignInNeeded
from unshelve.security.actors import Actor, ActorKind, Role


class Action(StrEnum):
    """What can be done here, in the words of a person."""

    ENTER = "enter"
    """Public: the sign-in page, static files, health. The only action that needs no actor."""
    SEE = "see"
    """Solutions, runs, models, versions, charts, proofs."""
    OWN_ACCOUNT = "own account"
    """One's own name, password and sessions; signing out."""
    ASK = "ask"
    """A prediction from a released model or endpoint."""
    UPLOAD = "upload"
    """A file to be scored."""
    GIVE_OUTCOMES = "give outcomes"
    """The truth about earlier predictions."""
    REVIEW = "review"
    """Overriding one answer, with a reason."""
    SEE_LOG = "see log"
    """Rows that were asked about and what was answered."""
    TRY_VERSION = "try version"
    """An answer from a version that is not released."""
    OWN_KEYS = "own keys"
    """API keys that act for oneself."""
    RUN = "run"
    """Starting, stopping and scheduling runs."""
    RELEASE = "release"
    """Promoting, rolling back, retiring; deciding proposals."""
    MANAGE_KEYS = "manage keys"
    """Everybody's API keys."""
    MANAGE_USERS = "manage users"
    """Users, their roles and sign-in links."""
    MANAGE_SECRETS = "manage secrets"
    """Setting and removing secrets (never reading them)."""
    MANAGE_WEBHOOKS = "manage webhooks"
    """Addresses that are told of what happens here, and what was sent to them."""
    MANAGE_STORE = "manage store"
    """Backup, checking and cleaning of what is stored; trusting foreign models."""
    SEE_AUDIT = "see audit"
    """Who changed what, and when."""
    SEE_METRICS = "see metrics"
    """The server's own counters, for Prometheus."""


MINIMUM: Final[Mapping[Action, Role | None]] = MappingProxyType(
    {
        Action.ENTER: None,
        Action.SEE: Role.VIEWER,
        Action.OWN_ACCOUNT: Role.VIEWER,
        Action.ASK: Role.USER,
        Action.UPLOAD: Role.USER,
        Action.GIVE_OUTCOMES: Role.USER,
        Action.REVIEW: Role.USER,
        Action.SEE_LOG: Role.USER,
        Action.TRY_VERSION: Role.USER,
        Action.OWN_KEYS: Role.USER,
        Action.RUN: Role.OWNER,
        Action.RELEASE: Role.OWNER,
        Action.MANAGE_KEYS: Role.OWNER,
        Action.MANAGE_USERS: Role.OWNER,
        Action.MANAGE_SECRETS: Role.OWNER,
        Action.MANAGE_WEBHOOKS: Role.OWNER,
        Action.MANAGE_STORE: Role.OWNER,
        Action.SEE_AUDIT: Role.OWNER,
        Action.SEE_METRICS: Role.VIEWER,
    }
)
"""The least role that may do each action; None: needs no actor."""

FORBIDDEN: Final[Mapping[ActorKind, frozenset[Action]]] = MappingProxyType(
    {
        ActorKind.PERSON: frozenset(),
        ActorKind.LOCAL: frozenset(),
        # A stolen key must not be able to make itself a second one, or a user, or outlive its revocation; nor to have
        # what is answered from now on sent to an address of its own.
        ActorKind.KEY: frozenset(
            {
                Action.OWN_ACCOUNT,
                Action.OWN_KEYS,
                Action.MANAGE_KEYS,
                Action.MANAGE_USERS,
                Action.MANAGE_SECRETS,
                Action.MANAGE_WEBHOOKS,
            }
        ),
        ActorKind.PROVER: frozenset(Action) - {Action.ENTER, Action.ASK, Action.TRY_VERSION},
    }
)
"""What a kind of actor may never do, whatever its role."""


def allowed(actor: Actor | None, action: Action) -> bool:
    """Whether the actor may do it."""
    least = MINIMUM[action]
    if least is None:
        return True
    return actor is not None and actor.role.includes(least) and action not in FORBIDDEN[actor.kind]


def require(actor: Actor | None, action: Action) -> Actor | None:
    """The actor, when it may do the action. Raises SignInNeeded without one and NotAllowed otherwise."""
    if allowed(actor, action):
        return actor
    if actor is None:
        raise SignInNeeded(
            "This needs somebody who is signed in.",
            hint="Sign in, or send an API key as `Authorization: Bearer KEY`.",
        )
    raise NotAllowed(_why(actor, action), details={"action": action.value, "role": actor.role.value})


def _why(actor: Actor, action: Action) -> str:
    least = MINIMUM[action]
    if action in FORBIDDEN[actor.kind]:
        return f"A {actor.kind.value} may not do this ({action.value}), whatever its role."
    return f"{actor.name} is {actor.role.value} here, and this ({action.value}) needs the role {least}."
