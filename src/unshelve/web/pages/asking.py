"""Asking: one row by the form, a whole file, from a program; and the Schema that all three follow."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from unshelve.errors import Refused, SchemaMismatch, UnshelveError
from unshelve.models.package import Manifest
from unshelve.pipeline.step import Kind
from unshelve.registry.versions import Version, attestations_of, get_version
from unshelve.schema.json_schema import example_row
from unshelve.schema.schema import FieldType, Schema
from unshelve.schema.words import allowed
from unshelve.security.permissions import Action
from unshelve.solution.declaration import StepInfo
from unshelve.web import forms, states
from unshelve.web.asked import Asked
from unshelve.web.evidence import Evaluation, evaluation_of, manifest_of, schema_of
from unshelve.web.forms import Form
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.models import model_tabs
from unshelve.web.pages.people import visible_keys
from unshelve.web.recipes import recipes
from unshelve.web.render import page
from unshelve.web.sayings import Voice, said, voice_of
from unshelve.web.solution_facts import SolutionFacts, facts_of, facts_of_model
from unshelve.web.states import State
from unshelve.web.views.ask import AnswerCard, AskView, FileView, SchemaOf, SchemaRow, SchemaView
from unshelve.web.views.people import ApiView
from unshelve.web.wording import duration, exact, plural, share, size

_MOST_CATEGORIES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The version of a model that answers, with what a page needs to ask it and to say its answers."""

    version: Version
    manifest: Manifest
    schema: Schema
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
        evaluation=evaluation,
        trust=states.proof(proof.outcome if proof else None),
        voice=voice_of(step.name, target.name if target else None, manifest, evaluation),
    )


def ask_solution(asked: Asked) -> Response:
    """On to the first thing of a solution that answers: endpoints come before models."""
    return _first(asked, "ask")


def api_solution(asked: Asked) -> Response:
    """On to the API page of the first thing of a solution that answers."""
    return _first(asked, "api")


def ask(asked: Asked) -> Response:
    """The form."""
    facts, step, found = _found(asked)
    if found is None:
        return _ask_page(asked, facts, step, None, None, None)
    wanted = asked.query_number("example")
    example = _example(asked, found, wanted) if wanted is not None else None
    if example is not None:
        form = forms.filled(found.schema, example)
    else:
        form = forms.empty(found.schema) if asked.query("empty") else forms.blank(found.schema)
    return _ask_page(asked, facts, step, found, form, None)


def answer(asked: Asked) -> Response:
    """The form as it was sent, with its answer or with what is wrong."""
    facts, step, found = _found(asked)
    if found is None:
        return _ask_page(asked, facts, step, None, None, None, status=409)
    began = asked.site.clock.monotonic()
    try:
        given = forms.read(found.schema, asked.form)
        answers = asked.site.ask(facts.full(step.name), [given], actor=asked.who, route="form")
    except SchemaMismatch as error:
        form = forms.again(found.schema, asked.form, error)
        return _ask_page(asked, facts, step, found, form, None, status=error.status)
    except UnshelveError as error:
        form = forms.typed(found.schema, asked.form)
        return _ask_page(asked, facts, step, found, form, None, problem=str(error), status=error.status)
    took = duration(asked.site.clock.monotonic() - began)
    card = replace(answer_card(step, found, answers[0], took), at=asked.now, by="you")
    return _ask_page(asked, facts, step, found, forms.typed(found.schema, asked.form), card)


def file(asked: Asked) -> Response:
    """The page that takes a file."""
    facts, step, found = _found(asked)
    return _file_page(asked, facts, step, found)


def score(asked: Asked) -> Response:
    """The file that was sent, with the answers as columns."""
    facts, step, found = _found(asked)
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


def schema_of_model(asked: Asked) -> Response:
    """What a row looks like for one model."""
    facts, step, found = _found(asked)
    view = SchemaView(
        solution=facts.name,
        title="Schema",
        lead=f"What a request to {step.name} looks like: learned from the training rows, owned by the version.",
        tabs=model_tabs(facts, step, f"/models/{facts.full(step.name)}/schema"),
        schemas=(_schema(step, found),) if found else (),
    )
    crumbs = (Link(step.name, f"/models/{facts.full(step.name)}"), Link("Schema", ""))
    frame = frame_for(
        asked, f"Schema of {step.name}", facts=facts, crumbs=crumbs, here=f"/models/{facts.full(step.name)}"
    )
    return page(asked.site.templates, asked.request, "pages/schema.html", view, frame)


def schema_of_solution(asked: Asked) -> Response:
    """What a row looks like, for everything of a solution that answers."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    found = [(step, released(asked, facts, step)) for step in facts.answering]
    view = SchemaView(
        solution=facts.name,
        title="Schema",
        lead="What a request looks like. It checks requests, draws the form and describes the API.",
        tabs=(),
        schemas=tuple(_schema(step, one) for step, one in found if one is not None),
    )
    frame = frame_for(asked, f"Schema of {facts.title}", facts=facts, crumbs=(Link("Schema", ""),))
    return page(asked.site.templates, asked.request, "pages/schema.html", view, frame)


def api(asked: Asked) -> Response:
    """How a program asks."""
    facts, step, found = _found(asked)
    full = facts.full(step.name)
    address = f"{asked.address}/api/models/{full}/predict"
    row = (_example(asked, found, 0) or example_row(found.schema)) if found else {}
    view = ApiView(
        solution=facts.name,
        model=full,
        name=step.name,
        kind=step.kind.value,
        address=address,
        models=_models(asked, facts, "api"),
        tabs=_tabs(full, "api"),
        recipes=recipes(address, row) if found else (),
        answer=_sample(asked, full),
        has_keys=asked.may(Action.OWN_KEYS) and bool(visible_keys(asked)),
        may_make_keys=asked.may(Action.OWN_KEYS),
    )
    here = f"/solutions/{facts.name}/api"
    frame = frame_for(asked, f"{step.name} from a program", facts=facts, crumbs=(Link("API", ""),), here=here)
    return page(asked.site.templates, asked.request, "pages/api.html", view, frame)


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


def _first(asked: Asked, page_name: str) -> Response:
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    ready = [step for step in facts.answering if facts.champion(step.name)] or list(facts.answering)
    if not ready:
        return to(f"/solutions/{facts.name}")
    return to(f"/models/{facts.full(ready[0].name)}/{page_name}")


def _found(asked: Asked) -> tuple[SolutionFacts, StepInfo, Released | None]:
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, asked.part("model"))
    return facts, step, released(asked, facts, step)


def _ask_page(
    asked: Asked,
    facts: SolutionFacts,
    step: StepInfo,
    found: Released | None,
    form: Form | None,
    card: AnswerCard | None,
    *,
    problem: str = "",
    status: int = 200,
) -> Response:
    full = facts.full(step.name)
    is_question = step.title.rstrip().endswith("?")
    view = AskView(
        solution=facts.name,
        model=full,
        name=step.name,
        title=step.title if is_question else f"Ask {step.name}",
        lead="Describe one row; you get an answer, what it means, and a receipt." if is_question else step.title,
        models=_models(asked, facts, "ask"),
        tabs=_tabs(full, "ask"),
        form=form,
        answer=card,
        next_example=_next_example(asked, full, found),
        asked_nothing=problem or ("" if found else f"{step.name} has no released version yet."),
        may_ask=asked.may(Action.ASK),
    )
    here = f"/solutions/{facts.name}/ask"
    frame = frame_for(asked, f"Ask {step.name}", facts=facts, crumbs=(Link("Ask", ""),), here=here)
    return page(asked.site.templates, asked.request, "pages/ask.html", view, frame, status=status)


def _next_example(asked: Asked, full_name: str, found: Released | None) -> str:
    if found is None or _example(asked, found, 0) is None:
        return ""
    return f"/models/{full_name}/ask?example={(asked.query_number('example') or 0) + 1}"


def _file_page(
    asked: Asked, facts: SolutionFacts, step: StepInfo, found: Released | None, error: UnshelveError | None = None
) -> Response:
    full = facts.full(step.name)
    listed = error.details.get("problems") if error else None
    view = FileView(
        solution=facts.name,
        model=full,
        name=step.name,
        tabs=_tabs(full, "file"),
        models=_models(asked, facts, "file"),
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


def _example(asked: Asked, found: Released, number: int) -> dict[str, Any] | None:
    """A real row that the version was judged on, or None where there is none or the actor may not see rows."""
    file = found.manifest.files.get("heldout")
    if file is None or not asked.may(Action.SEE_LOG):
        return None
    lines = asked.site.blobs.get(file.digest).split(b"\n")[1:]
    rows = [line for line in lines if line]
    if not rows:
        return None
    held: dict[str, Any] = msgspec.json.decode(rows[number % len(rows)])
    row: dict[str, Any] = held["row"]
    return row


def _tabs(full_name: str, here: str) -> tuple[Link, ...]:
    tabs = (("One row", "ask"), ("A whole file", "file"), ("From a program", "api"))
    return tuple(Link(text, f"/models/{full_name}/{path}", here=path == here) for text, path in tabs)


def _models(asked: Asked, facts: SolutionFacts, page_name: str) -> tuple[Link, ...]:
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


def _sample(asked: Asked, full_name: str) -> str:
    """The newest real answer as a program gets it; nothing where there is none yet."""
    if not asked.may(Action.SEE_LOG):
        return ""
    newest = next(iter(asked.site.predictions.recent(full_name, limit=1)), None)
    if newest is None:
        return ""
    body = {"model": full_name, "answers": [msgspec.json.decode(newest.answer)]}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _schema(step: StepInfo, found: Released) -> SchemaOf:
    return SchemaOf(
        model=found.version.model,
        name=step.name,
        version=found.version.number,
        digest=found.schema.digest,
        rows=tuple(
            SchemaRow(
                name=field.name,
                title=field.title or field.description or "",
                type=field.type.value,
                unit=field.unit or "",
                allowed=_capital(allowed(field).removesuffix(", or null")),
                missing="yes" if field.missing else "no",
                seen=_seen(field.seen, [(one.value, one.share) for one in field.categories], field.type),
                note=_note(field.sensitive, field.role),
            )
            for field in found.schema.fields
        ),
    )


def _seen(
    seen: tuple[int | float, int | float] | None, categories: Sequence[tuple[str, float]], type_: FieldType
) -> str:
    if seen is not None:
        return f"{exact(seen[0])} to {exact(seen[1])}"
    if not categories:
        return ""
    most = sorted(categories, key=lambda one: -one[1])[:_MOST_CATEGORIES]
    told = ", ".join(f"{value} {share(part, 0)}" for value, part in most[:3])
    kind = "number" if type_ is FieldType.INTEGER else "value"
    return f"{plural(len(categories), kind)}: {told}{' …' if len(categories) > 3 else ''}"


def _note(sensitive: str | None, role: str) -> str:
    told = [f"likely sensitive: {sensitive}"] if sensitive else []
    return ", ".join([*told, "identifier"] if role == "identifier" else told)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
