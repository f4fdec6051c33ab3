"""What lists say of a version: its headline measure, the baseline beside it, how far it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unshelve.registry.versions import Attestation, Version
from unshelve.web import states
from unshelve.web.states import State
from unshelve.web.wording import interval, score, words

_UNNAMED = frozenset({"", "share", "nats", "target"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One measure in the words of a list."""

    name: str
    value: float | None
    text: str
    note: str


NO_HEADLINE = Headline(name="", value=None, text="", note="")


def headline(version: Version | None) -> Headline:
    """The headline measure of a version: `ROC AUC`, `0.736`, `0.731 to 0.741 · baseline 0.500`."""
    found = version.summary.get("headline") if version else None
    if version is None or not isinstance(found, Mapping):
        return NO_HEADLINE
    notes = [interval(found.get("low"), found.get("high")), _baseline(version.summary.get("baseline"))]
    return Headline(
        name=words(str(found["name"])),
        value=found["value"],
        text=score(found["value"], shown_unit(found.get("unit"))),
        note=" · ".join(note for note in notes if note),
    )


def trust(version: Version | None, attested: Attestation | None) -> State:
    """How far a version is trusted: what its Proof came to."""
    if version is None:
        return states.WAITING.named("no version yet")
    return states.proof(attested.outcome if attested else None)


def shown_unit(unit: str | None) -> str:
    """A unit that is worth writing: minutes are, a share is not."""
    return "" if unit is None or unit in _UNNAMED else unit


def _baseline(found: Any) -> str:  # JSON of a summary
    return f"baseline {score(found['value'])}" if isinstance(found, Mapping) else ""
