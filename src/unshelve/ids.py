"""Names for things: time-ordered ids, canonical JSON and content digests."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import msgspec

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read out over the telephone."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def new_id(milliseconds: int) -> str:
    """A new id of 26 letters and digits that sorts by the time it was made.

    The layout is that of a ULID: 48 bits of `milliseconds` since 1970, then 80 random bits.
    """
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    return _base32(value, 26)


def first_id(milliseconds: int) -> str:
    """The lowest id that can be made in a millisecond."""
    return new_id(milliseconds)[:10] + ALPHABET[0] * 16


def milliseconds_of(made: str) -> int:
    """The milliseconds since 1970 in an id that `new_id` made."""
    value = 0
    for letter in made[:10]:
        value = value << 5 | ALPHABET.index(letter)
    return value


def canonical_json(value: object) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, floats in shortest round-trip form."""
    return _ENCODER.encode(value)


def digest(data: bytes | bytearray | memoryview) -> str:
    """The sha256 of some bytes as 64 hexadecimal digits: the name under which bytes are stored."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: object) -> str:
    """The digest of a value's canonical JSON."""
    return digest(canonical_json(value))


def _base32(value: int, length: int) -> str:
    letters = []
    for _ in range(length):
        letters.append(ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(letters))
