"""Passwords, kept as argon2id hashes (RFC 9106)."""

from __future__ import annotations

import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from unshelve.errors import Refused

SHORTEST: Final = 12
LONGEST: Final = 256
FEWEST_DIFFERENT: Final = 5

# 19 MiB, two passes, one lane: the memory-lean setting of the OWASP password storage sheet; 40 ms on one core.
# More memory would cost the control process, which allows two at a time, more than it keeps for itself.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)

# The hash of nothing anybody knows: what an unknown user's password is compared with, for the same work.
_NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$5fZC2ZkvXPMpm4Sg8fLqhA$xZT0S1wL4DHcWbM4dVbFmX2JgI5yUHwq8n3c1kWcXgk"


def hash_password(password: str) -> str:
    """The text to keep of a password."""
    return _HASHER.hash(_normal(password))


def password_fits(stored: str | None, password: str) -> bool:
    """Whether a password is the one whose hash was kept; without one it is not, after just as much work."""
    try:
        fits = _HASHER.verify(stored or _NOBODY, _normal(password)[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def hash_outdated(stored: str) -> bool:
    """Whether the hash was made with other settings than today's and should be made anew at the next sign-in."""
    return _HASHER.check_needs_rehash(stored)


def check_password(password: str, *, user_name: str) -> None:
    """Returns when a new password is good enough; raises Refused saying what is wrong with it."""
    wrong = _wrong_with(_normal(password), user_name)
    if wrong is not None:
        raise Refused(
            f"The password {wrong}.", code="password-refused", hint="Four or five unrelated words are easy to keep."
        )


def _wrong_with(password: str, user_name: str) -> str | None:
    if len(password) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if len(set(password)) < FEWEST_DIFFERENT:
        return f"has fewer than {FEWEST_DIFFERENT} different characters"
    if user_name and not password.casefold().replace(user_name.casefold(), "").strip("0123456789!._- "):
        return "is little more than the user's name"
    return None


def _normal(password: str) -> str:
    """One form for what keyboards send in several (NIST SP 800-63B, 5.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)
