"""Captured: what a step prints, warns and logs, as one text, with secrets hidden and a limit on its size."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

from unshelve.security.secrets import redact

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST_LETTERS: Final = 500_000
"""How much of one step's output is kept."""


class CapturedText(io.TextIOBase):
    """A stream for `sys.stdout` and `sys.stderr` that hands whole lines on as bytes.

    Lines are handed on as soon as they end, so that they are there when the process dies. Of a line that was
    drawn over with carriage returns (a progress bar) the last state is kept.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._line = ""
        self._left = MOST_LETTERS
        self._dropped = 0

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._line += text
        if "\n" in text:
            whole, _, self._line = self._line.rpartition("\n")
            self._hand_on(whole)
        elif "\r" in text:
            self._line = _last_state(self._line)
        return len(text)

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has a plain attribute
        return "utf-8"

    @property
    def buffer(self) -> io.BufferedWriter:
        """For programs that write bytes."""
        return io.BufferedWriter(_Bytes(self), buffer_size=1)

    def begin(self) -> None:
        """Forgets an unfinished line, and counts anew."""
        self._line, self._left, self._dropped = "", MOST_LETTERS, 0

    def finish(self) -> None:
        """Hands an unfinished line on, and says how much was left out."""
        if self._line:
            self._hand_on(self._line)
            self._line = ""
        if self._dropped:
            self._write(f"… {self._dropped:,} more characters were printed and not kept\n".encode())
            self._dropped = 0

    def _hand_on(self, lines: str) -> None:
        if "\r" in lines:
            lines = "\n".join(map(_last_state, lines.split("\n")))
        if len(lines) > self._left:
            self._dropped += len(lines) - self._left
            lines = lines[: self._left]
            if not lines:
                return
        self._left -= len(lines)
        self._write(f"{redact(lines)}\n".encode("utf-8", "backslashreplace"))


class _Bytes(io.RawIOBase):
    def __init__(self, text: CapturedText) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        whole = bytes(data)
        self._text.write(whole.decode("utf-8", "replace"))
        return len(whole)


class Captured:
    """Sends what is printed and warned inside a `with` block to a `CapturedText`."""

    def __init__(self, text: CapturedText) -> None:
        self._text = text
        self._show = _shown_in(text)

    def __enter__(self) -> None:
        self._before = (sys.stdout, sys.stderr)
        sys.stdout = sys.stderr = self._text
        # Entering makes each warning be shown once more, also one that an earlier step has shown.
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.showwarning = self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warnings.__exit__(kind, error, trace)
        sys.stdout, sys.stderr = self._before
        self._text.finish()


def _shown_in(text: CapturedText) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_rest: object) -> None:
        place = filename.rpartition("/")[2]
        text.write(f"{category.__name__}: {message} ({place}:{lineno})\n")

    return show


def _last_state(line: str) -> str:
    drawn = line.rstrip("\r").rpartition("\r")[2]
    return drawn if not line.endswith("\r") else f"{drawn}\r"
