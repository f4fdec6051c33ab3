"""Signatures (Ed25519, RFC 8032): who vouches for a manifest.

The private key is `keys/signing.pem` and only the control process reads it. Public keys are
`keys/public/ID.pem`; the ID is the start of the sha256 of the raw key, and a signature names it, so that what an
earlier key has signed stays verifiable.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from unshelve.errors import Damaged, NotFound, Refused, Untrusted

_SCHEME: Final = "ed25519"


class Verifier:
    """Checks signatures against the public keys it was given."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def load(cls, folder: Path) -> Verifier:
        """The verifier of a home's keys (`Home.keys`). Raises NotFound when there are none."""
        found = {path.stem: _public_key(path) for path in sorted((folder / "public").glob("*.pem"))}
        if not found:
            raise NotFound(f"There is no public key in {folder}.", code="public-key-not-found")
        return cls(found)

    @property
    def key_ids(self) -> frozenset[str]:
        """The keys whose signatures it can check."""
        return frozenset(self._keys)

    def verify(self, data: bytes, signature: str) -> None:
        """Returns when one of the keys has signed exactly these bytes; raises Untrusted otherwise."""
        scheme, _, rest = signature.partition(":")
        key_id, _, encoded = rest.partition(":")
        key = self._keys.get(key_id)
        if scheme != _SCHEME or key is None:
            raise Untrusted(
                "The signature was made by a key that is not known here.",
                code="signature-unknown-key",
                details={"key": key_id[:64]},
            )
        try:
            key.verify(base64.urlsafe_b64decode(encoded), data)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise Untrusted(
                "The signature does not belong to these bytes: they were changed after they were signed.",
                code="signature-wrong",
            ) from error


class Signer:
    """Signs with the home's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = _key_id(key.public_key())

    @classmethod
    def load_or_create(cls, folder: Path) -> Signer:
        """The signer of a home (`Home.keys`); its key is made at the first call."""
        path = folder / "signing.pem"
        signer = cls(_private_key(path) if path.exists() else _made(path))
        public = folder / "public"
        public.mkdir(mode=0o700, exist_ok=True)
        place = public / f"{signer.key_id}.pem"
        if not place.exists():
            pem = signer._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            _write_new(place, pem, mode=0o600)
        return signer

    def sign(self, data: bytes) -> str:
        """The signature of some bytes as `ed25519:KEY:BASE64`."""
        return f"{_SCHEME}:{self.key_id}:{base64.urlsafe_b64encode(self._key.sign(data)).decode()}"

    def verifier(self) -> Verifier:
        """A verifier that knows this signer's key alone."""
        return Verifier({self.key_id: self._key.public_key()})


def _made(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    return key


def _private_key(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise Refused(
            f"Others on this machine may read the signing key {path}.",
            code="signing-key-exposed",
            hint=f"Run `chmod 600 {path}`; if somebody may have read it, move it away and start again.",
        )
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Damaged(f"{path} does not hold an Ed25519 key.", code="signing-key-damaged")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey) or _key_id(key) != path.stem:
        raise Damaged(f"{path} is not the public key that its name says.", code="public-key-damaged")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Writes a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.rename(path)
