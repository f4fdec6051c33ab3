"""Passwords: hashed with argon2id, checked with one amount of work, long enough."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from unshelve.errors import Refused
from unshelve.security import passwords


def test_a_password_fits_its_hash_and_no_other() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert passwords.password_fits(stored, "correct horse battery")
    assert not passwords.password_fits(stored, "correct horse batterY")


def test_the_same_password_has_another_hash_each_time() -> None:
    assert passwords.hash_password("correct horse battery") != passwords.hash_password("correct horse battery")


def test_letters_that_look_the_same_are_the_same() -> None:
    stored = passwords.hash_password("caf\u00e9 au lait s'il vous")
    assert passwords.password_fits(stored, "cafe\u0301 au lait s'il vous")


def test_nobodys_hash_takes_the_same_work_and_fits_nothing() -> None:
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(passwords._NOBODY, "anything")
    assert not passwords.hash_outdated(passwords._NOBODY)
    assert not passwords.password_fits(None, "anything")


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not passwords.password_fits("$argon2id$nonsense", "anything")


def test_a_hash_of_weaker_settings_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    assert passwords.password_fits(weak, "correct horse battery")
    assert passwords.hash_outdated(weak)


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("elevenchars", "shorter than 12"),
        ("x" * 257, "longer than 256"),
        ("abababababab", "fewer than 5 different"),
        ("lovelace@x.org2024!", "little more than the user's name"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, wrong: str) -> None:
    with pytest.raises(Refused, match=wrong):
        passwords.check_password(password, user_name="lovelace@x.org")


def test_four_words_are_accepted() -> None:
    passwords.check_password("correct horse battery staple", user_name="ada")
