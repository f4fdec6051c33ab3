"""Captured: what a step prints, warns and logs, as one text, with secrets hidden and a limit on its size."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

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


@contextmanager
def captured(text: CapturedText) -> Iterator[None]:
    """Sends what is printed and warned inside the block to `text`."""
    before: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = text
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _shown_in(text)
            yield
    finally:
        sys.stdout, sys.stderr = before
        text.finish()


def _shown_in(text: CapturedText) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_rest: object) -> None:
        place = filename.rpartition("/")[2]
        text.write(f"{category.__name__}: {message} ({place}:{lineno})\n")

    return show


def _last_state(line: str) -> str:
    drawn = line.rstrip("\r").rpartition("\r")[2]
    return drawn if not line.endswith("\r") else f"{drawn}\r"
