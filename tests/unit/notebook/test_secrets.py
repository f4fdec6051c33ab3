"""Secrets of a notebook are found, and kept out of all that is written of it."""

from __future__ import annotations

import pytest

from unshelve.notebook.secrets_in_text import Secrets, secrets_in

CELLS = ("password = 'hunter2-very'\nurl = 'https://me:geheim77@db/x'", "key = 'sk-abcdefghijklmnopqrstuvwx'")


@pytest.mark.parametrize(
    "text",
    [
        "token_pattern='[a-z]{3,}'",
        "api_key = 'XXXXXXXXXX'",
        "password = 'your-password'",
        "secret = os.environ['S']",
        "author = 'somebody'",
        "authors = 'Tolkien, Le Guin'",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert list(secrets_in(text)) == []


def test_errors_that_repeat_a_secret_are_told_without_it() -> None:
    said = Secrets(CELLS).blot("ConnectionError: cannot log in with hunter2-very at db, nor with geheim77")
    assert said == "ConnectionError: cannot log in with ••• at db, nor with •••"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("connect('hunter2-very')", True),
        ("api_key = 'another-one-9'", True),
        ("def features(rows):\n    return rows", False),
    ],
)
def test_a_solution_that_would_hold_one_is_known(text: str, held: bool) -> None:
    assert Secrets(CELLS).are_in(text) is held
