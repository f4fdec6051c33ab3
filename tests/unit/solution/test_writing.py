"""Adding a declaration to a file that a person owns."""

from __future__ import annotations

import pytest

from unshelve.errors import Refused
from unshelve.solution.writing import with_declaration

ADDED = 'rows_hold = expect("rows", key("id"))\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '"""A shop."""\nimport os\n\nfrom unshelve import model, source\n\nX = 1\n',
            f'"""A shop."""\nimport os\n\nfrom unshelve import expect, key, model, source\n\nX = 1\n\n\n{ADDED}',
        ),
        (
            "from unshelve import expect, key\nX = 1  # here",
            f"from unshelve import expect, key\nX = 1  # here\n\n\n{ADDED}",
        ),
        ('"""A shop."""\nX = 1\n', f'"""A shop."""\n\nfrom unshelve import expect, key\nX = 1\n\n\n{ADDED}'),
        (
            "from unshelve import (\n    source,\n    key,\n)\r\n",
            f"from unshelve import expect, key, source\n\n\n{ADDED}".replace("\n", "\r\n"),
        ),
    ],
)
def test_a_declaration_is_added_at_the_end_and_what_it_needs_is_imported(before: str, after: str) -> None:
    assert with_declaration(before, ADDED, ["expect", "key"]) == after


def test_a_name_that_means_something_else_is_left_alone() -> None:
    with pytest.raises(Refused, match="uses the name key for something of its own"):
        with_declaration("def key(): ...\n", ADDED, ["expect", "key"])
