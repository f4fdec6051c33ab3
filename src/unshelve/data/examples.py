"""A few rows of a table as texts to be shown: bounded, and without what is likely to be about a person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import pandas as pd

from unshelve.data.meaning import sensitive_of

MOST_COLUMNS: Final = 24
MOST_LETTERS: Final = 80
HIDDEN: Final = "hidden"
"""What stands in place of a value that is likely to be about a person."""

_SAMPLE: Final = 200


def sensitive_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that are likely to be about a person, by their names and the look of their texts."""
    found = []
    for name in table.columns:
        values = table[name]
        texts = [value for value in values.head(_SAMPLE).array if isinstance(value, str)]
        if sensitive_of(str(name), texts) is not None:
            found.append(str(name))
    return tuple(found)


def shown(table: pd.DataFrame, *, first: Collection[str] = (), hidden: Collection[str] = ()) -> dict[str, Any]:
    """The rows of a small table as texts; the columns `first` come first, values of the columns `hidden` are hidden."""
    names = [str(name) for name in table.columns]
    ordered = [*(name for name in names if name in first), *(name for name in names if name not in first)]
    columns = ordered[:MOST_COLUMNS]
    cells = [[HIDDEN if name in hidden else text_of(value) for value in table[name].array] for name in columns]
    rows = [list(row) for row in zip(*cells, strict=True)] if cells else []
    return {"columns": columns, "rows": rows, "left_out": len(ordered) - len(columns), "hidden": sorted(hidden)}


def text_of(value: Any) -> str | None:
    """A value as it is shown, None where it is missing."""
    if value is None or (not isinstance(value, list | tuple | dict) and pd.isna(value) is True):
        return None
    if isinstance(value, pd.Timestamp):
        text = value.isoformat(sep=" ").removesuffix(" 00:00:00")
    elif isinstance(value, float):
        text = f"{value:.12g}"
    else:
        text = str(value)
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
