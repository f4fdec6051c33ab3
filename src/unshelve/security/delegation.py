"""Delegation: how control asks an answer process on behalf of somebody it has let in already.

A page's form and a file's upload come to control; the answer comes from an answer process, and the log names the
person who asked. Control therefore signs, with a key that only processes of this home can read, who asks and until
when. It is a message authentication code (HMAC-SHA256, RFC 2104), good for a minute, and never leaves this machine.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from unshelve.clock import milliseconds
from unshelve.errors import SignInNeeded
from unshelve.security.actors import Actor

PREFIX: Final = "unsh-for."
LASTS: Final = timedelta(minutes=1)
_BYTES: Final = 32


class _Claim(msgspec.Struct, frozen=True):
    actor: Actor
    until: int


class Delegation:
    """Issues and checks delegations with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load_or_create(cls, keys: Path) -> Delegation:
        """The delegation of a home (`Home.keys`); its secret is made at the first call, by control."""
        path = keys / "delegation"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            secret = path.read_bytes()
            if len(secret) == _BYTES:
                return cls(secret)
            path.unlink()
            return cls.load_or_create(keys)
        secret = os.urandom(_BYTES)
        try:
            os.write(handle, secret)
        finally:
            os.close(handle)
        return cls(secret)

    def issue(self, actor: Actor, now: datetime) -> str:
        """A bearer text that lets control ask as this actor for a minute."""
        claim = msgspec.json.encode(_Claim(actor, milliseconds(now + LASTS)))
        return f"{PREFIX}{base64.urlsafe_b64encode(claim).decode()}.{self._code(claim)}"

    def actor(self, text: str, now: datetime) -> Actor:
        """Whom a bearer text stands for. Raises SignInNeeded for one that was not issued here, or is over."""
        encoded, _, code = text.removeprefix(PREFIX).partition(".")
        try:
            claim = base64.urlsafe_b64decode(encoded)
        except (binascii.Error, ValueError):
            claim = b""
        if not hmac.compare_digest(self._code(claim).encode(), code.encode("utf-8", "replace")):
            raise SignInNeeded("The delegation was not issued here.", code="delegation-unknown")
        known = msgspec.json.decode(claim, type=_Claim)
        if milliseconds(now) >= known.until:
            raise SignInNeeded("The delegation is over.", code="delegation-expired")
        return known.actor

    def _code(self, claim: bytes) -> str:
        return hmac.new(self._secret, claim, hashlib.sha256).hexdigest()
