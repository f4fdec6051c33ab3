"""Plain values: what JSON holds and gives back as it was."""

from __future__ import annotations

import math
from typing import Final

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
_DEEPEST: Final = 100


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether JSON gives a value back exactly: types count, so that a tuple, a numpy number or a NaN is not plain."""
    kind = type(value)
    if kind is str:
        return _is_text(value)
    if kind is int:
        return _SMALLEST <= value <= _LARGEST  # type: ignore[operator]  # narrowed by its exact type
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]  # as above
    if value is None or kind is bool:
        return True
    if depth >= _DEEPEST:
        return False
    if kind is list:
        return all(is_plain(one, depth + 1) for one in value)  # type: ignore[attr-defined]  # as above
    if kind is dict:
        items = value.items()  # type: ignore[attr-defined]  # as above
        return all(type(name) is str and _is_text(name) and is_plain(one, depth + 1) for name, one in items)
    return False


def _is_text(value: object) -> bool:
    try:
        value.encode()  # type: ignore[attr-defined]  # narrowed by its exact type
    except UnicodeEncodeError:
        return False
    return True
