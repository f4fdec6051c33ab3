"""One request as a handler sees it: who asks, what was sent, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.requests import Request

from unshelve.errors import BadRequest, SignInNeeded, Unavailable
from unshelve.security.actors import Actor
from unshelve.security.permissions import Action, allowed
from unshelve.web.site import Site, StoreKeeper


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that was sent: its own name and where its bytes are until the handler returns."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, read and let in. `body` is the JSON object of an API call."""

    request: Request
    site: Site
    actor: Actor | None
    session: str | None
    now: datetime
    form: Mapping[str, str]
    file: SentFile | None = None
    body: Mapping[str, object] | None = None

    @property
    def who(self) -> Actor:
        """The actor; every route that is not public has one."""
        if self.actor is None:
            raise SignInNeeded
        return self.actor

    @property
    def keeper(self) -> StoreKeeper:
        """Who looks after what is stored."""
        if self.site.keeper is None:
            raise Unavailable("This server does not look after its store.", code="no-keeper")
        return self.site.keeper

    def part(self, name: str) -> str:
        """A part of the address, such as `model`."""
        return str(self.request.path_params[name])

    def number(self, name: str) -> int:
        """A part of the address that is a whole number."""
        text = self.part(name)
        if not text.isdigit() or len(text) > 9:
            raise BadRequest(f"{text[:40]!r} is not a number.", code="not-a-number")
        return int(text)

    def query(self, name: str, default: str = "") -> str:
        """A value behind the question mark."""
        return self.request.query_params.get(name, default)

    def query_number(self, name: str) -> int | None:
        """A whole number behind the question mark, or None where there is none."""
        text = self.query(name)
        if not text:
            return None
        if not text.isdigit() or len(text) > 12:
            raise BadRequest(f"{name} is {text[:40]!r}, and it must be a whole number.", code="not-a-number")
        return int(text)

    def may(self, action: Action) -> bool:
        """Whether the actor may do something; pages leave out what one may not."""
        return allowed(self.actor, action)

    @property
    def address(self) -> str:
        """The address of this server as the caller reaches it: `https://host:port`."""
        forwarded = self.request.headers.get("x-forwarded-proto", "")
        scheme = forwarded if forwarded in {"http", "https"} else self.request.url.scheme
        return f"{scheme}://{self.request.headers.get('host', 'localhost')}"

    @property
    def secure(self) -> bool:
        """Whether the caller came by https."""
        return self.address.startswith("https:")
