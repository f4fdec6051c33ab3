"""The notebook that a solution was lifted from, beside its pipeline, and the Proof of the lift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from unshelve.errors import NotFound
from unshelve.models.package import Manifest
from unshelve.registry.origins import KnownOrigin, origin_of
from unshelve.solution.lifted import FoundNotebook, Origin
from unshelve.solution.origin import Lift, LiftProof, Verdict
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts import small
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.lifted_again import changed_rows, told_of_people
from unshelve.web.pages.lifted_lines import LiftedLines, Sides, verdict
from unshelve.web.pages.lifting import found_here
from unshelve.web.pages.origins import origin_from
from unshelve.web.render import form_of, page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.views.notebook import (
    Again,
    Lifted,
    NotebookView,
    PageOfCells,
    RemarkRow,
    SealView,
    ShortFact,
    ValueRow,
)
from unshelve.web.views.parts import Alert
from unshelve.web.wording import count, duration, plural

_MOST_VALUES: Final = 24
_MOST_FINDINGS: Final = 12
_MOST_CELLS: Final = 8
_MOST_ROWS: Final = 1_000
_LONGEST_TEXT: Final = 300
_SEVERITIES: Final = ("error", "warning", "note")
_NOWHERE: Final = Sides((), (), PageOfCells())


def notebook(asked: Asked) -> Response:
    """Where a solution comes from; `code` names an earlier state of it, `page` some cells, `show` one table alone."""
    name = asked.part("solution")
    with asked.site.database.read() as connection:
        facts = facts_of(connection, name)
        known = origin_of(connection, name, asked.query("code") or facts.declaration.code)
    if known is None:
        raise NotFound(
            f"{facts.title} was not lifted from a notebook.",
            code="notebook-not-found",
            hint="`unshelve lift NOTEBOOK` makes a solution of one.",
        )
    origin = origin_from(asked.site.blobs, known)
    frame = frame_for(
        asked,
        _title(origin),
        facts=facts,
        crumbs=(Link("Notebook", ""),),
        here=f"/solutions/{name}/notebook",
        wide=True,
    )
    view = _view(asked, facts, known, origin)
    return page(asked.site.templates, asked.request, "pages/notebook.html", view, frame)


def lifted(facts: SolutionFacts, known: KnownOrigin | None) -> Lifted | None:
    """The badge of what was lifted; None where nothing was."""
    if known is None:
        return None
    href = f"/solutions/{facts.name}/notebook"
    earlier = f"?{urlencode({'code': known.code})}" if known.code != facts.declaration.code else ""
    return Lifted(notebook=known.notebook, state=states.lift(known.state), href=href + earlier)


def lifted_version(asked: Asked, facts: SolutionFacts, step: str, manifest: Manifest | None) -> Lifted | None:
    """The badge of a version, by the code that it was made of; only the notebook's own model has one."""
    code = manifest.lineage.get("code") if manifest is not None else None
    if not isinstance(code, str):
        return None
    with asked.site.database.read() as connection:
        known = origin_of(connection, facts.name, code)
    return lifted(facts, known) if known is not None and known.model == step else None


def _view(asked: Asked, facts: SolutionFacts, known: KnownOrigin, origin: Origin) -> NotebookView:
    lift = origin.lift or _NO_LIFT
    lines = LiftedLines(origin, lift, _addresses(facts, known))
    whole, show, at = form_of(asked.request) == "json", asked.query("show"), _page_number(asked, lines)
    if show not in ("", "values", "findings"):
        raise NotFound(f"There is nothing called {show[:40]!r} to show.", code="page-not-found")
    first = whole or (at == 1 and not show)
    values = _values(origin.proof, lines) if first or show == "values" else ()
    findings = _findings(lift, lines) if first or show == "findings" else ()
    most_values, most_findings = (len(values), len(findings)) if whole else (_MOST_VALUES, _MOST_FINDINGS)
    if show:
        most_values = most_findings = _MOST_ROWS
    here = found_here(asked, facts, known, origin)
    sides = lines.all() if whole else _NOWHERE if show else lines.page(at)
    return NotebookView(
        solution=facts.name,
        title=_title(origin),
        notebook=origin.notebook,
        digest=lift.digest,
        readable=origin.lift is not None,
        sentence=_sentence(lift),
        alerts=_alerts(facts, known, origin, here),
        seal=_seal(origin),
        findings_title=plural(len(lift.findings), "finding") if lift.findings else "No findings",
        short=_short(lift, origin.proof, lines),
        changes=changed_rows(origin.proof) if first else (),
        about_notebook=f"{origin.notebook}, {plural(len(lift.cells), 'cell')}",
        about_code=_about_code(facts, origin),
        cells=sides.cells,
        steps=sides.steps,
        pages=sides.pages,
        values=values[:most_values],
        values_aside=_ran(origin),
        more_values=_more(facts, known, "values", len(values), most_values),
        findings=findings[:most_findings],
        more_findings=_more(facts, known, "findings", len(findings), most_findings),
        model=_model(facts, lift),
        again=_again(asked, facts, origin, here),
    )


def _page_number(asked: Asked, lines: LiftedLines) -> int:
    number = asked.query_number("page")
    if number is None:
        return 1
    if not 1 <= number <= len(lines.pages):
        raise NotFound(
            f"There is no page {number}; this notebook takes {plural(len(lines.pages), 'page')}.",
            code="page-not-found",
        )
    return number


def _addresses(facts: SolutionFacts, known: KnownOrigin) -> Callable[[int, str], str]:
    def address(number: int, anchor: str) -> str:
        return _address(facts, known, {"page": str(number)} if number > 1 else {}, anchor)

    return address


def _address(facts: SolutionFacts, known: KnownOrigin, query: dict[str, str], anchor: str) -> str:
    """An address of this page, of the same state of the code."""
    earlier = {"code": known.code} if known.code != facts.declaration.code else {}
    asked = urlencode({**earlier, **query})
    return f"/solutions/{facts.name}/notebook{'?' if asked else ''}{asked}#{anchor}"


def _more(facts: SolutionFacts, known: KnownOrigin, what: str, there: int, shown: int) -> Link | None:
    if there <= shown:
        return None
    return Link(f"All {count(there)} {what}", _address(facts, known, {"show": what}, what))


def _title(origin: Origin) -> str:
    return f"{origin.notebook}, lifted" if origin.lift is not None else "Lifted from a notebook"


def _sentence(lift: Lift) -> str:
    """What became of the notebook, first of all."""
    of, kept, steps = lift.counted.of, lift.counted.kept, sum(1 for one in lift.steps if one.name)
    if not of:
        return "Nothing of it can be shown here."
    if lift.entry == "script":
        reason = f": {lift.entry_reason}" if lift.entry_reason else "."
        return f"All of it became one step, not sliced{reason}"
    became = f"{count(kept)} of {plural(of, 'statement')} became {plural(steps, 'step')}."
    if kept == of:
        became = f"All {plural(of, 'statement')} became {plural(steps, 'step')}."
    other = of - kept
    dropped = f" The other {count(other)} {'is' if other == 1 else 'are'} dropped and grey: nothing that is kept needs "
    said = f"{became}{dropped}{'it' if other == 1 else 'them'}." if other else became
    if lift.entry == "table":
        reason = f": {lift.entry_reason}" if lift.entry_reason else "."
        return f"{said} A request is a row of the prepared table, not a raw one{reason}"
    return said


def _again(asked: Asked, facts: SolutionFacts, origin: Origin, here: FoundNotebook | None) -> Again | None:
    """The button that lifts again, where something was edited and the notebook lies here."""
    state = asked.site.lifts.state(facts.name) if asked.site.lifts is not None and here is not None else None
    going_on = state is not None and state.going_on
    if here is None or not (here.edited or origin.edited or going_on):
        return None
    return Again(f"/solutions/{facts.name}/notebook/again", going_on)


def _alerts(facts: SolutionFacts, known: KnownOrigin, origin: Origin, here: FoundNotebook | None) -> tuple[Alert, ...]:
    found = []
    if origin.lift is None:
        text = f"{origin.problem} Lift the notebook again, or remove the file."
        found.append(Alert(state=states.FAILED, title="What the lift wrote cannot be read", text=text))
    elif origin.problem:
        text = f"{origin.problem} Until it is proven again, nothing is said to be."
        found.append(Alert(state=states.FAILED, title="The Proof of the lift cannot be read", text=text))
    if origin.edited:
        text = "Its lines are no longer where the lift put them, so they are not shown. What was proven, was proven of "
        text += f"the code as the lift wrote it. {_how(origin, here)} merges and proves again."
        found.append(Alert(state=states.WARN, title="The code was edited since the lift", text=text))
    if origin.notebook_edited or (here is not None and here.edited):
        text = f"What is shown is the one that was lifted. {_how(origin, here)} takes the changes over."
        found.append(Alert(state=states.WARN, title=f"{origin.notebook} was edited since the lift", text=text))
    if known.code != facts.declaration.code:
        found.append(
            Alert(
                state=states.IDEA,
                title="This is an earlier state of the solution",
                text="Its code is another by now.",
                href=f"/solutions/{facts.name}",
                action="To the solution",
            )
        )
    return tuple(found)


def _how(origin: Origin, here: FoundNotebook | None) -> str:
    """How the notebook is lifted again: by the button, where it is there."""
    return f"`unshelve lift {origin.notebook}`" if here is None else "“Lift again”"


def _seal(origin: Origin) -> SealView:
    proof = origin.proof
    counts = {each: sum(1 for one in proof.values if one.verdict is each) if proof else 0 for each in Verdict}
    shown = tuple(counts[one] for one in _ORDER)
    return SealView(
        state=states.lift_seal(origin.state),
        sentence=_verdict_sentence(origin),
        proven=counts[Verdict.PROVEN],
        within=counts[Verdict.WITHIN],
        unstable=counts[Verdict.UNSTABLE],
        not_covered=counts[Verdict.NOT_COVERED],
        different=counts[Verdict.DIFFERENT],
        bar=small.verdict_bar(shown),
    )


def _verdict_sentence(origin: Origin) -> str:
    proof = origin.proof
    if origin.lift is None:
        return "What the lift wrote cannot be read."
    if proof is None:
        return "The lift was not held against the notebook yet."
    if origin.edited:
        return f"Of the code as the lift wrote it: {proof.outcome.replace('-', ' ')}. It has changed since."
    if origin.state != "proven":
        return proof.reason or "A value is not what the notebook computed."
    said = "The pipeline, run fresh, computes what the notebook computed"
    if proof.metrics.stable:
        said += f": {count(proof.metrics.equal)} of {plural(proof.metrics.stable, 'stable metric')} equal"
    if proof.request is None:
        return f"{said}. Single requests were not compared."
    rows = f"{count(proof.request.equal)} of {plural(proof.request.rows, 'raw test row')}"
    return f"{said}. Asked over HTTP, {rows} got the notebook’s answer."


def _short(lift: Lift, proof: LiftProof | None, lines: LiftedLines) -> tuple[ShortFact, ...]:
    """Findings in short: of each weight the first, what was repaired, and how long it took."""
    facts = []
    for severity in _SEVERITIES:
        found = [one for one in lift.findings if one.severity == severity]
        if found:
            state = states.severity(severity).named(plural(len(found), severity))
            facts.append(ShortFact(name=state.word, state=state, text=_cut(found[0].message, 90), href="#findings"))
    repaired = [one for one in lift.statements if one.repaired]
    if repaired:
        state = states.OK.named(f"{count(len(repaired))} repaired")
        cells = [str(number) for number in sorted({one.cell for one in repaired})]
        more = f" and {count(len(cells) - _MOST_CELLS)} more" if len(cells) > _MOST_CELLS else ""
        text = f"{'cell' if len(cells) == 1 else 'cells'} {', '.join(cells[:_MOST_CELLS])}{more}"
        href = lines.statement_link(repaired[0].number).href
        facts.append(ShortFact(name=state.word, state=state, text=text, href=href))
    facts.extend(told_of_people(proof))
    if proof is not None and proof.seconds:
        own, rest = proof.seconds.get("notebook"), [v for k, v in proof.seconds.items() if k != "notebook"]
        took = duration(sum(rest)) + (f"; the notebook itself {duration(own)}" if own is not None else "")
        facts.append(ShortFact(name="Took", text=took))
    return tuple(facts)


def _values(proof: LiftProof | None, lines: LiftedLines) -> tuple[ValueRow, ...]:
    """The verdicts in their order, differences first."""
    if proof is None:
        return ()
    ordered = sorted(proof.values, key=lambda one: one.verdict is not Verdict.DIFFERENT)
    return tuple(
        ValueRow(
            what=_cut(one.what),
            notebook=_cut(one.notebook),
            solution=_cut(one.solution),
            state=verdict(one.verdict),
            place=lines.statement_link(one.statement) if one.statement is not None else lines.step_link(one.step or ""),
            detail=_cut(one.detail),
        )
        for one in ordered
    )


def _findings(lift: Lift, lines: LiftedLines) -> tuple[RemarkRow, ...]:
    ordered = sorted(lift.findings, key=lambda one: _SEVERITIES.index(one.severity))
    return tuple(
        RemarkRow(
            number=one.number,
            state=states.severity(one.severity),
            place=lines.cell_link(one.cell, one.line),
            what=one.message,
            repair=one.repair,
        )
        for one in ordered
    )


def _about_code(facts: SolutionFacts, origin: Origin) -> str:
    if origin.edited:
        return f"{facts.name}/solution.py, edited since the lift"
    return f"{facts.name}/solution.py, {plural(len(origin.code.splitlines()), 'line')}"


def _ran(origin: Origin) -> str:
    if origin.proof is None:
        return ""
    used = [f"{name} {version}" for name, version in sorted(origin.proof.libraries.items())]
    more = f" and {count(len(used) - 4)} more" if len(used) > 4 else ""
    return f"With {', '.join(used[:4])}{more}" if used else ""


def _model(facts: SolutionFacts, lift: Lift) -> Link | None:
    known = any(step.name == lift.model for step in facts.answering)
    return Link(f"Open {lift.model}", f"/models/{facts.full(lift.model)}") if known else None


def _cut(text: str, longest: int = _LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


_ORDER: Final = (Verdict.PROVEN, Verdict.WITHIN, Verdict.UNSTABLE, Verdict.NOT_COVERED, Verdict.DIFFERENT)
_NO_LIFT: Final = Lift(
    notebook="", digest="", model="", entry="raw", entry_reason=None, cells=(), statements=(), steps=(), findings=()
)
