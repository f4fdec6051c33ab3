"""Every setting is documented as it is, and the environment is read for nothing that is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import unshelve
from unshelve.settings import PREFIX, table

SOURCE = Path(unshelve.__file__).parent
PAGE = SOURCE.parents[1] / "docs" / "settings.md"

ROWS = {
    cells[1].strip("` "): [cell.strip() for cell in cells[2:-1]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `") and (cells := line.split("|"))
}


def shown(value: object) -> str:
    if value == "":
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_page_has_exactly_the_rows_of_the_table() -> None:
    assert list(ROWS) == [setting.name for setting in table()]


def test_each_row_says_what_the_table_says() -> None:
    for setting in table():
        environment, default, text = ROWS[setting.name]
        assert (environment, default) == (f"`{setting.environment}`", shown(setting.default))
        assert text.startswith(setting.help)
        assert all(f"`{choice}`" in text for choice in setting.choices)


def test_each_setting_explains_itself() -> None:
    for setting in table():
        assert re.fullmatch(r"[A-Z].{15,}[.]", setting.help), setting.name


def test_no_variable_is_read_that_is_not_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    found = {
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(PREFIX + r"[A-Z_]+", node.value)
    }
    assert {name for name in found if name not in page} == set()
