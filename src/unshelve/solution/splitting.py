"""Split values between a declaration, where they are JSON, and the evaluation that applies them."""

from __future__ import annotations

from collections.abc import Mapping

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.splits import AtRandom, ByGroup, ByTime, Split

_KINDS: Mapping[str, type[AtRandom | ByTime | ByGroup]] = {"AtRandom": AtRandom, "ByTime": ByTime, "ByGroup": ByGroup}


def split_from(value: Mapping[str, object]) -> Split:
    """The split that a declaration holds as JSON."""
    kind = _KINDS.get(str(value.get("type")))
    if kind is None:
        raise SolutionInvalid(f"{value!r} is not a split.", hint="Use by_time, by_group or at_random.")
    return kind(**{str(name): item for name, item in value.items() if name != "type"})  # type: ignore[arg-type]
