"""Who asks: read from the headers of a request, and let in by the one function for all doors."""

from __future__ import annotations

from typing import Final

from unshelve.clock import Clock
from unshelve.security.actors import Actor
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.sessions import COOKIE, check_csrf
from unshelve.serving.messages import Scope

CSRF_HEADER: Final = "x-csrf-token"
"""What a page's script sends beside its cookie: `security.sessions.csrf_token` of the session."""

_CSRF: Final = CSRF_HEADER.encode("ascii")
_COOKIE: Final = COOKIE.encode("ascii")


class Doors:
    """The doors of an answer process: an API key, or the session of a browser with its token."""

    def __init__(self, keeper: Doorkeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock

    def actor(self, scope: Scope) -> Actor:
        """Who asks. Raises SignInNeeded, and NotAllowed when another site may have sent a browser's request."""
        bearer = session = token = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                bearer = _bearer(value)
            elif name == b"cookie":
                session = _session(value) or session
            elif name == _CSRF:
                token = value.decode("latin-1")
        actor = self._keeper.actor(bearer=bearer, session=session, now=self._clock.now())
        if bearer is None and session is not None:
            check_csrf(session, token)
        return actor


def _bearer(value: bytes) -> str | None:
    scheme, _, rest = value.partition(b" ")
    return rest.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


def _session(value: bytes) -> str | None:
    for part in value.split(b";"):
        name, _, shown = part.strip().partition(b"=")
        if name == _COOKIE:
            return shown.decode("latin-1")
    return None
