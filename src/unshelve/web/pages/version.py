"""One version: what was proven, how it was judged, what it was made from and is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.responses import Response

from unshelve.errors import NotFound
from unshelve.models.package import Manifest
from unshelve.registry.runs import Run, get_run
from unshelve.registry.versions import Version, attestations_of, get_version
from unshelve.web import sayings, states
from unshelve.web.asked import Asked
from unshelve.web.evidence import Evaluation, evaluation_of, gates_of, manifest_of, proof_of
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.models import model_tabs, positive_word
from unshelve.web.pages.notebook import lifted_version
from unshelve.web.pages.pictures import evaluation_pictures
from unshelve.web.pages.proofs import gate_results, gates_title, proof_summary, verdict_rows
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of_model
from unshelve.web.summaries import shown_unit
from unshelve.web.views.model import ManifestFile, VersionView
from unshelve.web.wording import NOTHING, count, exact, interval, moment, score, short, size, words

_MOST_FILES: Final = 60


def version(asked: Asked) -> Response:
    """One version of a model or endpoint."""
    full, number = asked.part("model"), asked.number("number")
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, full)
        found = get_version(connection, full, number)
        attested = attestations_of(connection, [found.manifest])
        run = _run(asked, found)
    blobs = asked.site.blobs
    manifest = manifest_of(blobs, found)
    evaluation = evaluation_of(blobs, manifest)
    proof = proof_of(blobs, attested.get((found.manifest, "proof")))
    gates = gates_of(blobs, attested.get((found.manifest, "gates")))
    is_champion = facts.champion(step.name) == number
    view = VersionView(
        solution=facts.name,
        name=step.name,
        full_name=full,
        number=number,
        state=states.OK.named("champion") if is_champion else states.version(found.state),
        champion=is_champion,
        lead=_lead(found, is_champion, asked.now),
        lifted=lifted_version(asked, facts, step.name, manifest),
        tabs=model_tabs(facts, step, f"/models/{full}"),
        proof=proof_summary(full, found, proof, attested.get((found.manifest, "proof"))),
        verdicts=verdict_rows(proof),
        gates=gate_results(gates),
        gates_title=gates_title(gates),
        metrics=_metrics(evaluation),
        pictures=evaluation_pictures(
            evaluation,
            version=number,
            positive=positive_word(facts, step),
            threshold=sayings.threshold_of(manifest, evaluation),
        )
        if evaluation
        else (),
        made_from=_made_from(manifest, evaluation, found, asked.now),
        run=Link(f"Run {run.number}", f"/runs/{run.id}") if run else None,
        libraries=tuple(sorted(manifest.environment.items())),
        files=_files(manifest),
        findings=(),
        manifest=found.manifest,
        signature=found.signature,
    )
    return _rendered(asked, facts, view)


def _rendered(asked: Asked, facts: SolutionFacts, view: VersionView) -> Response:
    root = f"/models/{view.full_name}"
    crumbs = (Link(view.name, root), Link(f"v{view.number}", ""))
    frame = frame_for(asked, f"{view.name} v{view.number}", facts=facts, crumbs=crumbs, here=root)
    return page(asked.site.templates, asked.request, "pages/version.html", view, frame)


def _run(asked: Asked, found: Version) -> Run | None:
    with asked.site.database.read() as connection:
        try:
            return get_run(connection, found.run_id)
        except NotFound:
            return None


def _lead(found: Version, is_champion: bool, now: datetime) -> str:
    made = f"Made {moment(datetime.fromisoformat(found.made_at), now)}"
    said = {
        "candidate": "waits for its gates and its Proof",
        "refused": "was refused",
        "accepted": "passed its gates and its Proof",
        "retired": "is retired",
    }[found.state]
    return f"{made}; it answers everybody." if is_champion else f"{made}; it {said}."


def _metrics(evaluation: Evaluation | None) -> tuple[tuple[str, str, str], ...]:
    if evaluation is None:
        return ()
    return tuple(
        (words(one.name), score(one.value, shown_unit(one.unit)), interval(one.low, one.high))
        for one in evaluation.metrics
    )


def _made_from(
    manifest: Manifest, evaluation: Evaluation | None, found: Version, now: datetime
) -> tuple[tuple[str, str], ...]:
    facts = [("Made", moment(datetime.fromisoformat(found.made_at), now))]
    sources = manifest.lineage.get("sources")
    if isinstance(sources, Mapping):
        facts += [(f"Source {name}", short(str(identity).rpartition(":")[2])) for name, identity in sources.items()]
    loads = manifest.lineage.get("loads")
    for name, load in loads.items() if isinstance(loads, Mapping) else ():
        facts += _loaded(str(name), load)
    if manifest.lineage.get("code"):
        facts.append(("Code", short(str(manifest.lineage["code"]))))
    if evaluation is not None:
        facts.append(("Split", evaluation.split or NOTHING))
        facts.append(("Rows", _rows(evaluation)))
        facts += [(f"Baseline {one.name}", one.says) for one in evaluation.baselines]
    facts += [(f"Model {name}", f"v{exact(pinned.get('number'))}, pinned") for name, pinned in manifest.models.items()]
    facts.append(("Size", size(manifest.size_bytes)))
    return tuple(facts)


def _loaded(name: str, load: object) -> list[tuple[str, str]]:
    """What a declared source was asked for a version, how far it was read, and the hash of what came."""
    if not isinstance(load, Mapping):
        return []
    whence = f" by {load['connection']}" if load.get("connection") else ""
    values = ", ".join(f"{each} = {exact(value)}" for each, value in (load.get("values") or {}).items())
    told = [f"{count(load['rows'])} rows, sha256 {short(str(load['result']))}"]
    told += [f"read up to {load['mark']}"] if load.get("mark") else []
    told += [values] if values else []
    asked = " ".join(str(load["asked"]).split())
    return [(f"{name}{whence}", asked), (f"{name} gave", "; ".join(told))]


def _rows(evaluation: Evaluation) -> str:
    return f"{count(evaluation.rows.get('train'))} to learn from, {count(evaluation.rows.get('test'))} held out"


def _files(manifest: Manifest) -> tuple[ManifestFile, ...]:
    return tuple(
        ManifestFile(path=path, size=size(file.size), digest=file.digest)
        for path, file in sorted(manifest.files.items())[:_MOST_FILES]
    )
