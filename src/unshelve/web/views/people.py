"""Who may come in: signing in, the own account, people, keys, the API page, the audit chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.parts import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """The door. `name` is what was typed; `next` where to go afterwards."""

    lead: str
    name: str
    problem: str
    next: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """A one-time link that was opened and waits for its button."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeView:
    """After a one-time link: choose a password, so that one can come back."""

    name: str
    role: str
    problem: str
    least_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One's own account."""

    name: str
    role: str
    may: tuple[str, ...]
    has_password: bool
    problem: str
    least_letters: int
    is_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """One person who may sign in."""

    id: str
    name: str
    role: str
    state: State
    created: datetime
    last_sign_in: datetime | None
    has_password: bool
    is_me: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersView:
    """People. `link` is a sign-in link that was just made and is shown once."""

    users: tuple[UserRow, ...]
    roles: tuple[tuple[str, str], ...]
    problem: str
    typed: str
    link: str
    link_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One API key, without its secret."""

    id: str
    name: str
    role: str
    owner: str
    state: State
    created: datetime
    expires: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """API keys. `key` is one that was just made and is shown once."""

    keys: tuple[KeyRow, ...]
    roles: tuple[str, ...]
    problem: str
    typed: str
    key: str
    key_name: str
    may_make: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A ready piece of code: its heading and text."""

    title: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiView:
    """How programs ask a model: address, ready requests, keys."""

    solution: str
    model: str
    name: str
    kind: str
    address: str
    models: tuple[Link, ...]
    tabs: tuple[Link, ...]
    recipes: tuple[Recipe, ...]
    answer: str
    has_keys: bool
    may_make_keys: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the audit chain."""

    number: int
    at: datetime
    actor: str
    kind: str
    action: str
    subject: str
    details: tuple[tuple[str, str], ...]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The audit chain, newest first, and whether it holds."""

    entries: tuple[AuditRow, ...]
    state: State
    sentence: str
    check: str
    pages: Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """What went wrong, in the four parts that each error has."""

    status: int
    title: str
    message: str
    near: tuple[str, ...]
    hint: str
    problems: tuple[str, ...]
    href: str
    action: str
