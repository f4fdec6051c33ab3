"""The one way from a name that came from outside to a place on the disk."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

from unshelve.errors import Refused

LONGEST_NAME_BYTES: Final = 255
"""Of one part; what the usual file systems can hold."""
LONGEST_PATH_BYTES: Final = 1024
"""Of the whole text."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ENCODED: Final = re.compile(r"%(25)*(2e|2f|5c|00|3a)", re.IGNORECASE)
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def inside(root: Path, text: str) -> Path:
    """The place under `root` that a relative path from outside stands for; it need not exist.

    Raises Refused for whatever could lead elsewhere or mean different things to different programs: `..`, an
    absolute path, a drive or scheme, a backslash, an encoded separator, control and invisible characters, names
    that Windows keeps for devices, parts that are empty, `.`, too long or end in a dot or space, and symbolic
    links that lead out of `root`.
    """
    wrong = _wrong_with(text)
    if wrong is not None:
        raise _refused(text, wrong)
    base = root.resolve()
    place = base.joinpath(*text.split("/"))
    try:
        resolved = place.resolve()
    except (OSError, RuntimeError) as error:
        raise _refused(text, "it cannot be followed") from error
    if not resolved.is_relative_to(base):
        raise _refused(text, "a link on the way leads out of the folder")
    return place


def file_name(text: str) -> str:
    """A single name from outside, such as that of an uploaded file, when it is safe; raises Refused otherwise."""
    wrong = "it has more than one part" if "/" in text else _wrong_with(text)
    if wrong is not None:
        raise _refused(text, wrong)
    return text


def _wrong_with(text: str) -> str | None:
    """What keeps a text from being a safe relative path, in words; None when nothing does."""
    if not text:
        return "it is empty"
    if any(unicodedata.category(letter) in _INVISIBLE for letter in text):
        return "it holds control or invisible characters"
    if len(text.encode()) > LONGEST_PATH_BYTES:
        return f"it is longer than {LONGEST_PATH_BYTES} bytes"
    if text.startswith(("/", "~")):
        return "it does not start in the folder"
    if "\\" in text:
        return "it holds a backslash"
    if _SCHEME.match(text):
        return "it names a drive or a scheme"
    if _ENCODED.search(text):
        return "it holds an encoded separator or dot"
    return next((wrong for part in text.split("/") if (wrong := _wrong_with_part(part)) is not None), None)


def _wrong_with_part(part: str) -> str | None:
    if part in ("", "."):
        return "one of its parts is empty"
    if part == "..":
        return "it leads out of the folder"
    if part[-1] in ". ":
        return "one of its parts ends in a dot or a space"
    if part[0] == " ":
        return "one of its parts starts with a space"
    if _RESERVED.fullmatch(part):
        return "one of its parts is a name that Windows keeps for a device"
    if len(part.encode()) > LONGEST_NAME_BYTES:
        return f"one of its parts is longer than {LONGEST_NAME_BYTES} bytes"
    return None


def _refused(text: str, wrong: str) -> Refused:
    shown = ascii(text if len(text) <= 80 else text[:80] + "…")
    return Refused(f"The path {shown} is refused: {wrong}.", code="path-refused")
