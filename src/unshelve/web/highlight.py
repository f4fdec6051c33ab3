"""Python in three quiet colours: keywords and decorators, texts, comments. Whatever is no Python stays as it is."""

from __future__ import annotations

import html
import keyword
import re
from typing import Final

from markupsafe import Markup

_PREFIX: Final = r"(?:[rRbBuUfF]{1,2})?"
_PIECES: Final = re.compile(
    rf"""(?P<c>\#[^\n]*)
    |(?P<s>{_PREFIX}(?:\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z)
        |"(?:\\.|[^"\\\n])*(?:"|$)|'(?:\\.|[^'\\\n])*(?:'|$)))
    |(?P<k>^[ ]*@[^\W\d][\w.]*)
    |(?P<w>[^\W\d]\w*)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
"""A comment, a text (to its end, or to where an unfinished one breaks off), a decorator, a word."""
_KEYWORDS: Final = frozenset(keyword.kwlist)


def python(text: str) -> Markup:
    """Python as HTML for the inside of an element, escaped, with `i.k`, `i.s` and `i.c` around what has a colour."""
    parts: list[str] = []
    done = 0
    for found in _PIECES.finditer(text):
        kind = found.lastgroup
        if kind == "w":
            if found[0] not in _KEYWORDS:
                continue
            kind = "k"
        parts.append(_plain(text[done : found.start()]))
        parts.append(f'<i class="{kind}">{_plain(found[0])}</i>')
        done = found.end()
    parts.append(_plain(text[done:]))
    return Markup("".join(parts))  # noqa: S704  escaped above


def _plain(text: str) -> str:
    """Escaped for the inside of an element, where quotes need not be."""
    return html.escape(text, quote=False)
