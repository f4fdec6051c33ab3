"""Names that look like a wrong one, for "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """The known names most like `name`, best first; none when nothing is alike.

    Letters of either case count as equal. A name over 100 letters has no near ones: the search costs the
    product of the lengths, and names come from outside.
    """
    if len(name) > 100:
        return ()
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(name.casefold(), list(folded), n=most, cutoff=0.6)
    return tuple(folded[match] for match in found)
