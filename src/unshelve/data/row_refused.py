"""RowRefused: a database took all rows of a batch but one."""

from __future__ import annotations

from collections.abc import Sequence


class RowRefused(Exception):  # noqa: N818  it is told on as an error with a code, by the writer that catches it
    """A row that the database refuses, with what the database says of it."""

    def __init__(self, row: str, said: str) -> None:
        super().__init__(row)
        self.row = row
        self.said = said if said.endswith((".", "!")) else f"{said}."


def named(key: Sequence[str], values: Sequence[object]) -> str:
    """A row by its key: "the row with id = 17"."""
    return "the row with " + ", ".join(f"{name} = {value}" for name, value in zip(key, values, strict=True))
