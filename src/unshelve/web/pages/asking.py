"""Asking: one row by the form, a whole file, from a program; and the Schema that all three follow."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from unshelve.errors import Refused, SchemaMismatch, UnshelveError
from unshelve.models.package import Manifest
from unshelve.pipeline.step import Kind
from unshelve.registry.versions import Version, attestations_of, get_version
from unshelve.schema.schema import Schema
from unshelve.security.permissions import Action
from unshelve.solution.declaration import StepInfo
from unshelve.web import forms, states
from unshelve.web.asked import Asked
from unshelve.web.evidence import Evaluation, LookupFields, evaluation_of, lookups_of, manifest_of, schema_of
from unshelve.web.forms import Form
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.examples import Example, example_at, examples_of, next_example
from unshelve.web.render import page
from unshelve.web.sayings import Voice, said, voice_of
from unshelve.web.solution_facts import SolutionFacts, facts_of, facts_of_model
from unshelve.web.states import State
from unshelve.web.views.ask import AnswerCard, AskView, FileView, LookedUp
from unshelve.web.wording import duration, exact, size

_MOST_CATEGORIES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The version of a model that answers, with what a page needs to ask it and to say its answers."""

    version: Version
    manifest: Manifest
    schema: Schema
    lookups: tuple[LookupFields, ...]
    """What it gets by lookups and is not sent."""
    evaluation: Evaluation | None
    trust: State
    voice: Voice


def released(asked: Asked, facts: SolutionFacts, step: StepInfo) -> Released | None:
    """What answers for a model, or None when nothing does yet."""
    number = facts.champion(step.name)
    if number is None:
        return None
    with asked.site.database.read() as connection:
        version = get_version(connection, facts.full(step.name), number)
        proof = attestations_of(connection, [version.manifest]).get((version.manifest, "proof"))
    manifest = manifest_of(asked.site.blobs, version)
    evaluation = evaluation_of(asked.site.blobs, manifest)
    target = facts.target_of(step.name)
    return Released(
        version=version,
        manifest=manifest,
        schema=schema_of(asked.site.blobs, manifest),
        lookups=lookups_of(asked.site.blobs, manifest),
        evaluation=evaluation,
        trust=states.proof(proof.outcome if proof else None),
        voice=voice_of(step.name, target.name if target else None, manifest, evaluation),
    )


def ask_solution(asked: Asked) -> Response:
    """On to the first thing of a solution that answers: endpoints come before models."""
    return first_of(asked, "ask")


def ask(asked: Asked) -> Response:
    """The form; the author's own row fills it, where the notebook has one."""
    facts, step, found = found_of(asked)
    if found is None:
        return _ask_page(asked, facts, step)
    own = examples_of(asked, facts, step.name, found.manifest)
    empty = bool(asked.query("empty"))
    example = None if empty else example_at(asked, own, found.manifest, asked.query_number("example"))
    if example is not None:
        form = forms.filled(found.schema, example.row)
    else:
        form = forms.empty(found.schema) if empty else forms.blank(found.schema)
    more = next_example(asked, own, found.manifest, facts.full(step.name))
    return _ask_page(asked, facts, step, form=form, example=example, more=more)


def answer(asked: Asked) -> Response:
    """The form as it was sent, with its answer or with what is wrong."""
    facts, step, found = found_of(asked)
    if found is None:
        return _ask_page(asked, facts, step, status=409)
    own = examples_of(asked, facts, step.name, found.manifest)
    shown = partial(_ask_page, asked, facts, step, more=next_example(asked, own, found.manifest, facts.full(step.name)))
    began = asked.site.clock.monotonic()
    try:
        given = forms.read(found.schema, asked.form)
        answers = asked.site.ask(facts.full(step.name), [given], actor=asked.who, route="form")
    except SchemaMismatch as error:
        return shown(form=forms.again(found.schema, asked.form, error), status=error.status)
    except UnshelveError as error:
        return shown(form=forms.typed(found.schema, asked.form), problem=str(error), status=error.status)
    took = duration(asked.site.clock.monotonic() - began)
    looked_up = looked_up_of(asked, facts, facts.full(step.name), given)
    card = replace(answer_card(step, found, answers[0], took), at=asked.now, by="you", looked_up=looked_up)
    return shown(form=forms.typed(found.schema, asked.form), card=card)


def looked_up_of(
    asked: Asked,
    facts: SolutionFacts,
    model: str,
    row: Mapping[str, object],
    *,
    version: int | None = None,
    copies: Mapping[str, str] | None = None,
) -> tuple[LookedUp, ...]:
    """What lookups give for a row, in words; nothing where there are none, or they cannot be asked just now."""
    if asked.site.look_up is None or not facts.declaration.lookups or not asked.may(Action.SEE_LOG):
        return ()
    try:
        found = asked.site.look_up(model, [row], actor=asked.who, version=version, copies=copies)
    except UnshelveError:
        return ()  # the answer is there all the same; it says itself from which copy it came
    return tuple(in_words(name, one) for name, one in found[0].items() if isinstance(one, Mapping))


def in_words(name: str, one: Mapping[str, Any]) -> LookedUp:
    """What one lookup gave."""
    values, age = one.get("values"), one.get("age_seconds")
    if not isinstance(values, Mapping):
        said = "No entry, or only one that is too old"
    elif age is None:
        said = "The present state"
    else:
        said = f"As of {duration(age)} before the event" if age else "As of the event itself"
    shown = tuple((key, exact(value)) for key, value in values.items()) if isinstance(values, Mapping) else ()
    return LookedUp(name=name, said=said, copy=str(one.get("copy", "")), values=shown)


def file(asked: Asked) -> Response:
    """The page that takes a file."""
    facts, step, found = found_of(asked)
    return _file_page(asked, facts, step, found)


def score(asked: Asked) -> Response:
    """The file that was sent, with the answers as columns."""
    facts, step, found = found_of(asked)
    try:
        return scored(asked, facts.full(step.name))
    except UnshelveError as error:
        return _file_page(asked, facts, step, found, error)


def scored(asked: Asked, full_name: str) -> Response:
    """The scored file as a download. Raises what is wrong with it."""
    if asked.file is None:
        raise Refused("No file was sent.", code="file-missing", hint="Choose a CSV, Parquet, Excel or JSON-lines file.")
    folder = Path(tempfile.mkdtemp(prefix="unshelve-scored-"))
    own = Path(asked.file.name.replace("\\", "/")).name
    target = folder / f"scored{asked.file.path.suffix}"
    try:
        asked.site.score(full_name, asked.file.path, target, name=own, actor=asked.who)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    name = f"{Path(own).stem}-{full_name.partition('.')[2]}{Path(own).suffix}"
    away = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(target, filename=name, media_type="application/octet-stream", background=away)


def answer_card(step: StepInfo, found: Released, body: Mapping[str, Any], took: str) -> AnswerCard:
    """An answer with what it means and where its version stands."""
    words_of = said(body, found.voice)
    warnings = body.get("warnings")
    return AnswerCard(
        who=step.name,
        said=words_of.short[:1].upper() + words_of.short[1:],
        meaning=words_of.meaning,
        picture=words_of.picture,
        figure=words_of.figure,
        values=words_of.values,
        warnings=tuple(_warning(one) for one in warnings) if isinstance(warnings, list) else (),
        prediction=str(body.get("id", "")),
        receipt=f"/predictions/{body['id']}" if body.get("id") else "",
        version=f"{step.name} v{found.version.number}",
        version_href=f"/models/{found.version.model}/versions/{found.version.number}",
        trust=found.trust,
        took=took,
    )


def _warning(one: object) -> str:
    if isinstance(one, Mapping):
        return f"{one.get('field')}: {one.get('problem')}"
    return str(one)


def first_of(asked: Asked, page_name: str) -> Response:
    """On to a page of the first thing of a solution that answers."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    ready = [step for step in facts.answering if facts.champion(step.name)] or list(facts.answering)
    if not ready:
        return to(f"/solutions/{facts.name}")
    return to(f"/models/{facts.full(ready[0].name)}/{page_name}")


def found_of(asked: Asked) -> tuple[SolutionFacts, StepInfo, Released | None]:
    """The model that a page is about, and what answers for it."""
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, asked.part("model"))
    return facts, step, released(asked, facts, step)


def _ask_page(
    asked: Asked,
    facts: SolutionFacts,
    step: StepInfo,
    *,
    form: Form | None = None,
    example: Example | None = None,
    more: str = "",
    card: AnswerCard | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    """The page; without a form it says that nothing answers yet. `more` is the address of the next example."""
    full = facts.full(step.name)
    is_question = step.title.rstrip().endswith("?")
    view = AskView(
        solution=facts.name,
        model=full,
        name=step.name,
        title=step.title if is_question else f"Ask {step.name}",
        lead="Describe one row; you get an answer, what it means, and a receipt." if is_question else step.title,
        models=models_to_ask(asked, facts, "ask"),
        tabs=ways_to_ask(full, "ask"),
        form=form,
        answer=card,
        typed=example.typed if example is not None else None,
        next_example=more,
        asked_nothing=problem or ("" if form else f"{step.name} has no released version yet."),
        may_ask=asked.may(Action.ASK),
    )
    here = f"/solutions/{facts.name}/ask"
    frame = frame_for(asked, f"Ask {step.name}", facts=facts, crumbs=(Link("Ask", ""),), here=here)
    return page(asked.site.templates, asked.request, "pages/ask.html", view, frame, status=status)


def _file_page(
    asked: Asked, facts: SolutionFacts, step: StepInfo, found: Released | None, error: UnshelveError | None = None
) -> Response:
    full = facts.full(step.name)
    listed = error.details.get("problems") if error else None
    view = FileView(
        solution=facts.name,
        model=full,
        name=step.name,
        tabs=ways_to_ask(full, "file"),
        models=models_to_ask(asked, facts, "file"),
        columns=found.schema.names if found else (),
        added=_added(step, found),
        limit=f"up to {size(asked.site.settings.most_file_bytes)}",
        problem=str(error) if error else "",
        problems=tuple(str(one) for one in listed[:20]) if isinstance(listed, list) else (),
        ready=found is not None,
    )
    here = f"/solutions/{facts.name}/ask"
    frame = frame_for(asked, f"Score a file with {step.name}", facts=facts, crumbs=(Link("Ask", ""),), here=here)
    status = error.status if error else 200
    return page(asked.site.templates, asked.request, "pages/file.html", view, frame, status=status)


def ways_to_ask(full_name: str, here: str) -> tuple[Link, ...]:
    """By the form, with a file, from a program."""
    tabs = (("One row", "ask"), ("A whole file", "file"), ("From a program", "api"))
    return tuple(Link(text, f"/models/{full_name}/{path}", here=path == here) for text, path in tabs)


def models_to_ask(asked: Asked, facts: SolutionFacts, page_name: str) -> tuple[Link, ...]:
    """The same page for each model and endpoint of the solution."""
    this = asked.part("model")
    return tuple(
        Link(step.name, f"/models/{facts.full(step.name)}/{page_name}", here=facts.full(step.name) == this)
        for step in facts.answering
    )


def _added(step: StepInfo, found: Released | None) -> tuple[str, ...]:
    if found is None:
        return ()
    if step.kind is Kind.ENDPOINT:
        names: Sequence[str] = [name for name, _ in step.answer_fields]
    else:
        task = found.evaluation.task if found.evaluation else ""
        scores = _score_names(found.evaluation)
        names = ["value"] if task == "regression" else ["label", *scores]
    return tuple(f"{step.name}_{name}" for name in (*names, "version", "answer_id"))


def _score_names(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None or not evaluation.signature.scores:
        return []
    return list(map(str, evaluation.signature.classes)) if evaluation.task == "multiclass" else ["score"]
