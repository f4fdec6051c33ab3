"""Columns that a step's code asked for and did not get: hidden ones, and ones that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import pandas as pd

from unshelve.errors import SolutionInvalid, UserCodeFailed
from unshelve.solution.binding import hidden_columns

Inputs = dict[str, Any]
Parameters = dict[str, Any]


@contextmanager
def naming_columns(who: str, arguments: Mapping[str, Any], inputs: Inputs, parameters: Parameters) -> Iterator[None]:
    """Say clearly of an error of user code that it asked for a column which is hidden from it, or not there."""
    try:
        yield
    except Exception as error:
        hidden = _hidden_in(error, inputs, parameters)
        if hidden is not None:
            raise SolutionInvalid(
                f"{who} reads {hidden}, which no request has: a target reads it, or it is known later.",
                code="transform-reads-hidden",
                hint="Leave it out: what is known only afterwards cannot help to predict.",
                details={"step": who.rpartition(" ")[2], "column": hidden},
            ) from error
        missing = _missing_in(error, arguments)
        if missing is None:
            raise
        name, column = missing
        there = [str(each) for each in arguments[name].columns]
        raise UserCodeFailed(
            f"{who} reads {column}, which {name} does not have.",
            code="column-gone",
            near=get_close_matches(column, there, n=1),
            hint=f"It has {', '.join(there[:12])}{', …' if len(there) > 12 else ''}.",
            details={"step": who.rpartition(" ")[2], "column": column},
        ) from error


def _missing_in(error: Exception, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """The parameter and the column, where an error says that a table lacks one."""
    if not isinstance(error, KeyError) or not error.args:
        return None
    asked = error.args[0]
    found = re.findall(r"'([^']+)'", asked) if isinstance(asked, str) and "not in index" in asked else [asked]
    for name, value in arguments.items():
        for column in found:
            if isinstance(value, pd.DataFrame) and isinstance(column, str) and column not in value.columns:
                return name, column
    return None


def _hidden_in(error: Exception, inputs: Inputs, parameters: Parameters) -> str | None:
    """The hidden column that an error speaks of."""
    said = {str(part) for part in error.args} | {str(getattr(error, "name", ""))}
    for bind in parameters["bind"].values():
        later = (*parameters.get("known_later", ()), *bind.get("known_later", ()))
        for column in hidden_columns(bind.get("hide", ()), inputs, later):
            quoted = re.compile(f"['\"`]{re.escape(column)}['\"`]")
            if column in said or any(quoted.search(text) for text in said):
                return column
    return None
