"""Signatures: of exactly these bytes, by a key of this home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unshelve.errors import Damaged, NotFound, Refused, Untrusted
from unshelve.security.signing import Signer, Verifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


def test_what_was_signed_verifies_with_the_public_key_alone(folder: Path) -> None:
    signature = Signer.load_or_create(folder).sign(b"manifest")
    (folder / "signing.pem").unlink()
    Verifier.load(folder).verify(b"manifest", signature)


def test_the_key_is_made_once_for_its_owner_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        first = Signer.load_or_create(folder)
    finally:
        os.umask(before)
    assert (folder / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert Signer.load_or_create(folder).key_id == first.key_id


def test_a_changed_byte_or_signature_is_refused(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    signature = signer.sign(b"manifest")
    scheme, key, encoded = signature.split(":")
    verifier = signer.verifier()
    for data, text in [
        (b"manifesT", signature),
        (b"", signature),
        (b"manifest", f"{scheme}:{key}:{'A' * len(encoded)}"),
        (b"manifest", f"{scheme}:{key}:"),
        (b"manifest", f"{scheme}:{key}:not base64"),
        (b"manifest", f"none:{key}:{encoded}"),
        (b"manifest", f"{scheme}:{'0' * 16}:{encoded}"),
        (b"manifest", ""),
    ]:
        with pytest.raises(Untrusted):
            verifier.verify(data, text)


def test_another_homes_signature_is_unknown_here(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    signature = Signer.load_or_create(tmp_path / "other").sign(b"manifest")
    with pytest.raises(Untrusted, match="not known here"):
        Signer.load_or_create(folder).verifier().verify(b"manifest", signature)


def test_what_an_earlier_key_signed_stays_verifiable(folder: Path) -> None:
    signature = Signer.load_or_create(folder).sign(b"manifest")
    (folder / "signing.pem").unlink()
    Signer.load_or_create(folder)
    Verifier.load(folder).verify(b"manifest", signature)


def test_a_key_that_others_may_read_is_not_used(folder: Path) -> None:
    Signer.load_or_create(folder)
    (folder / "signing.pem").chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        Signer.load_or_create(folder)


def test_a_public_key_under_a_false_name_is_damaged(folder: Path) -> None:
    signer = Signer.load_or_create(folder)
    (folder / "public" / f"{signer.key_id}.pem").rename(folder / "public" / "0000000000000000.pem")
    with pytest.raises(Damaged):
        Verifier.load(folder)


def test_without_keys_nothing_can_be_verified(folder: Path) -> None:
    with pytest.raises(NotFound):
        Verifier.load(folder)
