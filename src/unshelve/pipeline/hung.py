"""Where a step was when its time was over or its process crashed, from what faulthandler wrote into its output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import unshelve.errors

_OURS: Final = str(Path(unshelve.errors.__file__).parent)
_BEGIN: Final = re.compile(
    rb"^(Timeout \(\d+:\d\d:\d\d(\.\d+)?\)!$|Fatal Python error: |(Current t|T)hread 0x[0-9a-f]{16} )", re.MULTILINE
)
_FRAME: Final = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)')


def cut_stack(log: bytes) -> tuple[bytes, str]:
    """The output without faulthandler's own lines, and the author's frames in them, the innermost last."""
    begin = _BEGIN.search(log)
    if begin is None:
        return log, ""
    stacks = log[begin.start() :].decode("utf-8", "replace").split("hread 0x")[1:]
    for stack in stacks:
        frames = [match for match in map(_FRAME.match, stack.splitlines()) if match]
        own = [frame for frame in frames if not frame["file"].startswith((_OURS, "<frozen"))]
        if own and not own[-1]["file"].endswith("threading.py"):
            lines = [f'  File "{frame["file"]}", line {frame["line"]}, in {frame["name"]}' for frame in reversed(own)]
            return log[: begin.start()], "\n".join(["Where it was (innermost call last):", *lines]) + "\n"
    return log[: begin.start()], ""
