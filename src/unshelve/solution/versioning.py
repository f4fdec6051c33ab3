"""From a finished run to manifests: which stored artifacts make a version, and what identifies it.

Nothing is copied: a package names blobs that the run has stored already. Two runs whose models answer alike,
with the same code on the row path, make one version, whatever else changed in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from unshelve.data.loaded import LOAD, record_from
from unshelve.errors import SolutionInvalid
from unshelve.ids import canonical_json, digest_json
from unshelve.models.package import File, Manifest
from unshelve.pipeline.kinds import Artifact, ArtifactKind, parts_of
from unshelve.pipeline.outcome import RunOutcome
from unshelve.pipeline.step import Kind
from unshelve.schema.schema import Field, FieldType, Schema
from unshelve.schema.union import union
from unshelve.solution.check import beyond_the_request, not_covered
from unshelve.solution.check_sources import declared_sources
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.request_path import references
from unshelve.solution.training import ModelTasks, Training
from unshelve.storage.blobs import BlobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A package that a run made: its manifest, its identity, and what lists show of it."""

    manifest: Manifest
    identity: str
    summary: Mapping[str, Any]


def model_candidate(
    declaration: Declaration,
    training: Training,
    tasks: ModelTasks,
    outcome: RunOutcome,
    blobs: BlobStore,
    code: Mapping[str, File],
) -> Candidate:
    """The package of one model of a run."""
    step = declaration.step(tasks.model)
    evaluation = read_json(output(outcome, f"{tasks.evaluation}.evaluation"), blobs)
    files = {**code, **_files_of(tasks, outcome, blobs)}
    described = training.graph.task(tasks.schema).parameters["path"]
    answer = answer_of(declaration, tasks, training)
    asked = (*tasks.path.chain, *((tasks.answer,) if tasks.answer else ()))
    libraries: dict[str, str] = {}
    for name in (*asked, tasks.model):
        libraries.update(declaration.step(name).libraries)
    libraries["python"] = declaration.environment.get("python", "")
    manifest = Manifest(
        model=f"{declaration.name}.{tasks.model}",
        kind="model",
        title=step.title,
        description=step.description,
        files=files,
        path=described if isinstance(described, Mapping) else {},
        answer=answer,
        signature=evaluation["signature"],
        environment=libraries,
        lineage={
            "sources": {
                source.name: output(outcome, source.name).identity
                for source in declaration.of_kind(Kind.SOURCE)
                if source.name in outcome.steps
            },
            "loads": loads_in(declaration, outcome, blobs),
            "code": declaration.code,
            "split": evaluation["split"],
            "rows": evaluation["rows"],
        },
        not_covered=(*not_covered(declaration, tasks.model), *found_in_training(outcome, tasks, blobs)),
    )
    identity = _identity(manifest, {key: part for name in asked for key, part in declaration.step(name).code.items()})
    summary = {
        "identity": identity,
        "task": evaluation["task"],
        "headline": headline(evaluation),
        "baseline": baseline(evaluation),
        "size_bytes": manifest.size_bytes,
        "rows": evaluation["rows"],
        "title": step.title,
    }
    return Candidate(manifest=manifest, identity=identity, summary=summary)


def loads_in(declaration: Declaration, outcome: RunOutcome, blobs: BlobStore) -> dict[str, object]:
    """What declared sources were asked, how far they were read and what came: the query, its values, mark and hash."""
    found: dict[str, object] = {}
    for step in declared_sources(declaration):
        done = outcome.steps.get(step.name)
        if done is None or LOAD not in done.outputs:
            continue
        record = record_from(blobs.get(done.outputs[LOAD].digest))
        found[step.name] = {
            "way": record.way,
            "asked": record.asked,
            "connection": record.connection,
            "values": record.values,
            "mark": None if record.mark is None else record.mark.words,
            "rows": record.rows,
            "result": record.result,
            "at": record.at,
        }
    return found


def _files_of(tasks: ModelTasks, outcome: RunOutcome, blobs: BlobStore) -> dict[str, File]:
    """The files of a model's package that the run has stored; frozen datasets come with their parts."""
    made = {
        "estimator": tasks.estimator,
        "schema.json": f"{tasks.schema}.schema",
        "reference.json": f"{tasks.schema}.reference",
        "fillers": f"{tasks.schema}.fillers",
        "evaluation.json": f"{tasks.evaluation}.evaluation",
        "trained_rows": tasks.trained_rows,
        "heldout": tasks.heldout,
        "rowwise.json": tasks.rowwise,
        **{f"state/{name}": state for name, state in tasks.frozen.items()},
        **{f"lookup/{name}": copy for name, copy in tasks.lookups.items()},
    }
    files = {}
    for path, name in made.items():
        artifact = output(outcome, name)
        files[path] = as_file(artifact)
        if artifact.kind is ArtifactKind.DATASET:
            for number, part in enumerate(parts_of(blobs.get(artifact.digest))):
                files[f"parts/{path}/{number:05}"] = File(digest=part, size=blobs.size(part), kind="bytes")
    return files


def _identity(manifest: Manifest, code: Mapping[str, str]) -> str:
    """What two versions have in common when they answer alike and the same is known of them.

    `code` are the parts of the solution that run for a request.
    """
    files = {
        path: [file.digest, file.code]
        for path, file in manifest.files.items()
        if path.startswith("state/") or path in _IDENTITY
    }
    return digest_json(
        {
            "files": files,
            "code": dict(code),
            "path": manifest.path,
            "answer": manifest.answer,
            "signature": manifest.signature,
            "not covered": [re.sub(r":\d+\)", ")", said) for said in manifest.not_covered],  # a line may move
        }
    )


def found_in_training(outcome: RunOutcome, tasks: ModelTasks, blobs: BlobStore) -> tuple[str, ...]:
    """What the checks of the training could not speak for, one sentence each."""
    return tuple(read_json(output(outcome, tasks.rowwise), blobs)["not_covered"])


_IDENTITY = ("estimator", "schema.json", "fillers")


def answer_of(declaration: Declaration, tasks: ModelTasks, training: Training) -> dict[str, object] | None:
    """The answer step of a model as its manifest holds it, with the arguments of this run."""
    if tasks.answer is None:
        return None
    step = declaration.step(tasks.answer)
    frozen = {
        parameter: each.step for parameter, each in references(declaration, step).items() if each.step != tasks.model
    }
    arguments = training.graph.task(tasks.evaluation).parameters["answer_arguments"]
    return {"name": step.name, "frozen": frozen, "arguments": arguments}


def endpoint_candidate(
    declaration: Declaration,
    step: StepInfo,
    heldout: Artifact | None,
    models: Mapping[str, tuple[int, Manifest]],
    blobs: BlobStore,
    code: Mapping[str, File],
    *,
    arguments: Mapping[str, object] | None = None,
) -> Candidate:
    """The package of an endpoint over these versions of its models: name -> (number, manifest).

    `arguments` are the values of its parameters that are neither models nor request fields.
    """
    named = references(declaration, step)
    schemas = []
    for manifest in [models[each.step][1] for each in named.values()]:
        described = msgspec.json.decode(blobs.get(manifest.files["schema.json"].digest))
        schemas.append(Schema.from_json({key: described[key] for key in ("format", "fields")}))
    own = {
        parameter.name: {
            "type": parameter.request_type,
            "default": parameter.default,
            "optional": parameter.has_default,
            "choices": list(parameter.choices),
        }
        for parameter in step.parameters
        if parameter.name not in named and parameter.request_type is not None
    }
    schema = union((*schemas, Schema(tuple(own_field(name, field) for name, field in own.items()))), step.name)
    text = canonical_json(schema.to_json())
    files = dict(code)
    files["schema.json"] = File(digest=blobs.put(text), size=len(text), kind="json")
    missing: tuple[str, ...] = ()
    if heldout is not None:
        files["heldout"] = as_file(heldout)
    else:
        missing = ("Its models take rows of different sources, so no held-out row answers both.",)
    for each in named.values():
        missing = (*missing, *models[each.step][1].not_covered)
    missing = (*missing, *beyond_the_request(declaration, step.name))
    pinned = {name: {"number": number, "manifest": manifest.digest} for name, (number, manifest) in models.items()}
    manifest = Manifest(
        model=f"{declaration.name}.{step.name}",
        kind="endpoint",
        title=step.title,
        description=step.description,
        files=files,
        models=pinned,
        fields=own,
        environment={**step.libraries, "python": declaration.environment.get("python", "")},
        lineage={
            "code": declaration.code,
            "answer": [list(each) for each in step.answer_fields],
            "arguments": dict(arguments or {}),
        },
        not_covered=missing,
    )
    identity = digest_json({"models": pinned, "code": step.code, "fields": own, "arguments": dict(arguments or {})})
    summary = {"identity": identity, "task": "endpoint", "size_bytes": manifest.size_bytes, "title": step.title}
    return Candidate(manifest=manifest, identity=identity, summary=summary)


def endpoint_arguments(training: Training, step: StepInfo) -> Mapping[str, object]:
    """The values of an endpoint's parameters that are neither models nor request fields, as this run has them."""
    task = training.endpoints.get(step.name)
    found = training.graph.task(task).parameters["arguments"] if task is not None else {}
    return found if isinstance(found, Mapping) else {}


def own_field(name: str, described: Mapping[str, Any]) -> Field:
    """The Schema field of a request field that is a parameter of the endpoint."""
    from unshelve.schema.schema import Category

    kind = FieldType(described["type"])
    choices = tuple(Category(value=value, share=0.0) for value in described["choices"])
    optional = bool(described["optional"])
    dtypes = {
        FieldType.BOOLEAN: "boolean" if optional else "bool",
        FieldType.INTEGER: "Int64" if optional else "int64",
        FieldType.FLOAT: "float64",
        FieldType.DATE: "object",
        FieldType.TIMESTAMP: "datetime64[us]",
    }
    return Field(
        name=name,
        type=kind,
        dtype=dtypes.get(kind, "str"),
        missing=optional,
        categories=choices,
        default=described["default"],
    )


def output(outcome: RunOutcome, name: str) -> Artifact:
    """An artifact of a run by the name that tasks use: "task" or "task.output"."""
    if name in outcome.steps:
        return outcome.artifact(name)
    task, _, part = name.rpartition(".")
    return outcome.artifact(task, part)


def as_file(artifact: Artifact) -> File:
    return File(digest=artifact.digest, size=artifact.size_bytes, kind=artifact.kind.value, code=artifact.code)


def read_json(artifact: Artifact, blobs: BlobStore) -> Any:
    """A JSON artifact's value."""
    if artifact.kind.value != "json":
        raise SolutionInvalid(f"A {artifact.kind} was stored where JSON was expected.")
    return msgspec.json.decode(blobs.get(artifact.digest))


def headline(evaluation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The metric that lists show."""
    wanted = evaluation.get("headline")
    return next((metric for metric in evaluation["metrics"] if metric["name"] == wanted), None)


def baseline(evaluation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The best baseline's value of the headline metric."""
    wanted = evaluation.get("headline")
    found = [
        {"name": each["name"], "value": metric["value"], "higher_is_better": metric["higher_is_better"]}
        for each in evaluation["baselines"]
        for metric in each["metrics"]
        if metric["name"] == wanted
    ]
    if not found:
        return None
    sign = 1 if found[0]["higher_is_better"] else -1
    return max(found, key=lambda each: sign * each["value"])
