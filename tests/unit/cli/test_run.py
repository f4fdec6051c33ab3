"""What `run` makes of its words."""

from __future__ import annotations

import pytest

from unshelve.cli.run import parse_settings
from unshelve.errors import Refused


def test_settings_are_json_where_they_are_json_and_text_where_not() -> None:
    given = ["model.depth=4", "model.loss=log", "rows.only=null", "rows.path=a=b", 'rows.days=[1,"2"]']
    assert parse_settings(given) == {
        "model": {"depth": 4, "loss": "log"},
        "rows": {"only": None, "path": "a=b", "days": [1, "2"]},
    }


@pytest.mark.parametrize("text", ["depth=4", "model.depth", ".depth=4", "model.=4", ""])
def test_a_setting_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"is not STEP\.NAME=VALUE"):
        parse_settings([text])
