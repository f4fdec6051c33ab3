"""Rows to ask about: those that the author of the notebook typed in come first, then real ones that were held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from unshelve.errors import Damaged
from unshelve.models.package import Manifest
from unshelve.registry.origins import KnownOrigin, origin_of
from unshelve.security.permissions import Action
from unshelve.solution.origin import AuthorsRow
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.solution_facts import SolutionFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row that fills the form, and where the author typed it; None for one that was held out."""

    row: Mapping[str, object]
    typed: Link | None = None


class _Lift(msgspec.Struct, frozen=True):
    """Of a lift, what is needed here."""

    examples: tuple[AuthorsRow, ...] = ()


class _Origin(msgspec.Struct, frozen=True):
    """The beginning of a solution.lifted.Origin: the rest may be megabytes, and is passed over."""

    lift: _Lift | None = None


def examples_of(asked: Asked, facts: SolutionFacts, step: str, manifest: Manifest) -> tuple[Example, ...]:
    """The rows that the author of the notebook typed in, for its own model and the code that the version is made of."""
    code = manifest.lineage.get("code")
    if not isinstance(code, str):
        return ()
    with asked.site.database.read() as connection:
        known = origin_of(connection, facts.name, code)
    if known is None or known.model != step:
        return ()
    try:
        lift = msgspec.json.decode(asked.site.blobs.get(known.blob), type=_Origin).lift
    except msgspec.DecodeError as error:
        raise Damaged(f"What was kept of {known.notebook} cannot be read.", code="origin-damaged") from error
    rows = lift.examples if lift is not None else ()
    return tuple(Example(row=each.row, typed=_place(facts, known, each.cell)) for each in rows)


def example_at(asked: Asked, own: Sequence[Example], manifest: Manifest, number: int | None) -> Example | None:
    """The example of a number from 0: the author's own come first, held-out rows go round after them.

    Where no number is said, it is the author's first; None without one.
    """
    if number is None:
        return own[0] if own else None
    if number < len(own):
        return own[number]
    held = held_out(asked, manifest, number - len(own))
    if held is not None:
        return Example(row=held["row"])
    return own[number % len(own)] if own else None


def next_example(asked: Asked, own: Sequence[Example], manifest: Manifest, full_name: str) -> str:
    """The address of the form with the next example; "" where there is no other."""
    if len(own) < 2 and held_out(asked, manifest, 0) is None:
        return ""
    return f"/models/{full_name}/ask?example={(asked.query_number('example') or 0) + 1}"


def held_out(asked: Asked, manifest: Manifest, number: int) -> dict[str, Any] | None:
    """A real row that the version was judged on, with its answer; None where the actor may not see rows."""
    file = manifest.files.get("heldout")
    if file is None or not asked.may(Action.SEE_LOG):
        return None
    lines = [line for line in asked.site.blobs.get(file.digest).split(b"\n")[1:] if line]
    if not lines:
        return None
    held: dict[str, Any] = msgspec.json.decode(lines[number % len(lines)])
    return held


def _place(facts: SolutionFacts, known: KnownOrigin, cell: int) -> Link:
    code = "" if known.code == facts.declaration.code else f"?code={known.code}"
    return Link(f"cell {cell} of {known.notebook}", f"/solutions/{facts.name}/notebook{code}#cell-{cell}")
