from __future__ import annotations

import pytest

from unshelve.web.going import local


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "evil",
        "",
        "/é",
        "\\\\evil",
    ],
)
def test_an_address_that_could_lead_elsewhere_is_not_followed(address: str) -> None:
    assert local(address, "/start") == "/start"


def test_a_path_of_this_server_is_followed() -> None:
    assert local("/models/a.b?x=1#y", "/") == "/models/a.b?x=1#y"
