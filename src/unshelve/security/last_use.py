"""When keys and sessions were used last: noted in memory at each call, written now and then."""

from __future__ import annotations

import threading
from datetime import datetime

from unshelve.security.actors import Actor, ActorKind
from unshelve.security.keys import note_use
from unshelve.security.sessions import SessionRules, renew
from unshelve.storage.database import Database


class LastUse:
    """Collects who came by, so that a page or an answer costs no write.

    `write` is to be called every half minute or so; a session's idle end is later by what is written.
    """

    def __init__(self, rules: SessionRules | None = None) -> None:
        self._rules = rules or SessionRules()
        self._lock = threading.Lock()
        self._seen: dict[tuple[ActorKind, str], datetime] = {}

    def saw(self, actor: Actor, now: datetime) -> None:
        """Notes that an actor came by."""
        if actor.credential:
            with self._lock:
                self._seen[(actor.kind, actor.credential)] = now

    def write(self, database: Database) -> int:
        """Writes what was noted since the last call, in one transaction; tells how many keys and sessions it was."""
        with self._lock:
            seen, self._seen = self._seen, {}
        if not seen:
            return 0
        with database.write() as connection:
            for (kind, credential), moment in seen.items():
                if kind is ActorKind.PERSON:
                    renew(connection, credential, used=moment, rules=self._rules)
                else:
                    note_use(connection, credential, used=moment)
        return len(seen)
