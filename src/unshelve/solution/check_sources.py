"""What can be found in declared sources before any of them is asked. Pure, but for what is told of connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from unshelve.data.placeholders import parse
from unshelve.errors import Refused
from unshelve.pipeline.connecting import secret_name
from unshelve.pipeline.step import Kind
from unshelve.schema.near import near
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.findings import Finding, finding


def source_findings(declaration: Declaration) -> Iterator[Finding]:
    """What is wrong with what declared sources say."""
    for step in declared_sources(declaration):
        for message, repair in (*_options(step), *_parameters(declaration, step)):
            yield finding("U040", step.name, step.place, message, repair)


def connection_findings(declaration: Declaration, is_set: Callable[[str], bool], home: Path) -> Iterator[Finding]:
    """Connections of sources and sinks that are not set in a home; `is_set` is asked by the secret's name."""
    for step in declaration.steps:
        name = step.options.get("connection") if step.sink is None else step.sink.to.get("connection")
        if not isinstance(name, str) or (step.sink is not None and not name):
            continue
        try:
            known = is_set(secret_name(name))
        except Refused as error:
            yield finding("U040", step.name, step.place, error.message, error.hint or "")
            continue
        if not known:
            said = f"Source {step.name} reads" if step.sink is None else f"Sink {step.name} writes to"
            yield finding(
                "U041",
                step.name,
                step.place,
                f"{said} the connection {name}, which is not set in {home}.",
                f"Set its address: unshelve secret set {name} --home {home}",
            )


def declared_sources(declaration: Declaration) -> tuple[StepInfo, ...]:
    """The sources that are told and not programmed."""
    return tuple(step for step in declaration.of_kind(Kind.SOURCE) if step.options)


def _options(step: StepInfo) -> Iterator[tuple[str, str]]:
    watermark = step.options.get("watermark")
    zone = step.options.get("zone")
    text = str(step.options.get("query") or step.options.get("address") or "")
    asked = asked_names(step)
    if watermark is not None and "mark" not in asked:
        written = f"where {watermark} > :mark" if step.options["way"] == "sql" else "?since={mark}"
        yield (
            f"Source {step.name} has a watermark and does not ask for what is beyond it.",
            f"Ask for it: {written}.",
        )
    if watermark is None and "mark" in asked:
        yield (f"Source {step.name} asks for a mark and has no watermark.", 'Say which column grows: watermark="…".')
    named = [(option, step.options.get(option)) for option in ("watermark", "deleted")]
    if step.lookup is not None:
        named += [*(("key", each) for each in step.lookup.key), ("at", step.lookup.at)]
    for option, column in named:
        if step.options["way"] == "sql" and isinstance(column, str) and not _may_give(text, column):
            yield (
                f"Source {step.name} has {option}={column!r}, which its query does not give.",
                f"Add {column} to what is selected.",
            )
    if step.options["way"] == "http" and "mark" in asked and watermark is not None and not step.options.get("start"):
        yield (
            f"Source {step.name} does not say where its first load begins.",
            'Say it as the API takes it: start="2020-01-01T00:00:00Z".',
        )
    if isinstance(zone, str):
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            yield (f"Source {step.name} has zone={zone!r}, which is no time zone.", 'Write it like "Europe/Berlin".')


def _parameters(declaration: Declaration, step: StepInfo) -> Iterator[tuple[str, str]]:
    known = {each.name for each in step.parameters}
    asked = asked_names(step)
    for name in asked:
        if name != "mark" and name not in known:
            close = near(name, known)
            yield (
                f"Source {step.name} takes {name}, which has no value.",
                f"Did you mean {' or '.join(close)}?" if close else f'Give it: parameters={{"{name}": …}}.',
            )
    for name in sorted(known):
        if name not in asked:
            yield (f"Source {step.name} has the parameter {name}, which nothing takes.", "Use it, or leave it out.")
        if declaration.has(name):
            yield (
                f"The parameter {name} of source {step.name} has the name of a step.",
                "Give it another name: a source takes values and no steps.",
            )


def asked_names(step: StepInfo) -> tuple[str, ...]:
    """The parameters that a source's text takes, each once."""
    if step.options["way"] == "sql":
        return parse(str(step.options["query"])).parameters
    return tuple(dict.fromkeys(re.findall(r"\{([A-Za-z_]\w*)\}", str(step.options.get("address") or ""))))


def _may_give(text: str, column: str) -> bool:
    """Whether a query may give a column, as far as its text tells: it is named before `from`, or all are selected."""
    head = re.split(r"\bfrom\b", text, maxsplit=1, flags=re.IGNORECASE)[0]
    if "*" in head or re.match(r"\s*with\b", text, re.IGNORECASE):
        return True
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", head, re.IGNORECASE) is not None
