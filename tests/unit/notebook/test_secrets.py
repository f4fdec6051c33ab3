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
        "'https://example.org/?key=XXXXXXXXXX'",
        "url + '?token=' + token",
        "'Bearer of bad news'",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert list(secrets_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "read_csv('https://example.org/a.csv?raw=1&access_token=9f2c61d07a')",
        "read_csv('https://example.org/a.csv?sig=9f2c61d07a')",
        "headers = {'Authorization': 'Bearer 9f2c61d07a-9f2c61d07a'}",
    ],
)
def test_one_in_an_address_or_a_header_is_found(text: str) -> None:
    assert [secret.split("-")[0] for _, secret in secrets_in(text)] == ["9f2c61d07a"]


def test_errors_that_repeat_a_secret_are_told_without_it() -> None:
    said = Secrets(CELLS).blot("ConnectionError: cannot log in with hunter2-very at db, nor with geheim77")
    assert said == "ConnectionError: cannot log in with ••• at db, nor with •••"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("connect('hunter2-very')", True),
        ("api_key = 'another-one-9'", True),
        ("password = 'sesame'", True),
        ("password = 'your-password'", False),
        ("stop_token = 'finished'", False),
        ("def features(rows):\n    return rows", False),
    ],
)
def test_a_solution_that_would_hold_one_is_known(text: str, held: bool) -> None:
    assert Secrets(CELLS).are_in(text) is held
