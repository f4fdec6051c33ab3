"""What a notebook prints and shows, as far as it is kept."""

from __future__ import annotations

import io
from typing import Final

MOST_SHOWN: Final = 20_000
"""Characters of a statement's output that are kept: the last ones."""


class Tail(io.StringIO):
    """Keeps the last characters that were written."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, text: str, /) -> int:
        if self.tell() + len(text) > 4 * self._most:
            kept = (self.getvalue() + text[-self._most :])[-self._most :]
            self.seek(0)
            self.truncate()
            super().write(kept)
        else:
            super().write(text)
        return len(text)

    def getvalue(self) -> str:
        return super().getvalue()[-self._most :]

    def isatty(self) -> bool:
        return False


def shown_text(value: object) -> str:
    """The repr, unless it would be long and slow."""
    if isinstance(value, (list, tuple, dict, set)) and len(value) > 1000:
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, (str, bytes)) and len(value) > MOST_SHOWN:
        return repr(value[:MOST_SHOWN])
    return repr(value)
