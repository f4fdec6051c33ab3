"""A version, loaded from its verified package and ready to answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from unshelve.data.tables import Table, columns, is_dataset, only
from unshelve.errors import Damaged, UserCodeFailed
from unshelve.models.estimator import Raw, Signature, predict
from unshelve.models.package import File, Manifest, manifest_from
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import Schema
from unshelve.serving.answer import answers, as_value
from unshelve.serving.code import VersionCode
from unshelve.serving.request_table import RequestTable, schema_from
from unshelve.serving.row_path import Functions, RowPath, run_path
from unshelve.storage.blobs import BlobStore

SLOW_SECONDS = 0.0005
"""A version that takes longer for one row is answered by a thread of its own."""
WARM_ROWS = 8
"""Held-out rows that a model answers when it is loaded."""
WARM_ROWS_OF_ENDPOINTS = 2
"""The same for an endpoint, whose models have answered theirs."""
MOST_TOGETHER = 64
"""Rows of different requests that one call may answer, where that was seen to make no difference."""


@dataclass(frozen=True, slots=True)
class RawAnswers:
    """Raw predictions with what the answer step made of them (None where there is none)."""

    labels: Any
    scores: Any
    answered: Any


@dataclass(slots=True, kw_only=True)
class LoadedModel:
    """One version of a model: its Schema, transforms, frozen state and estimator."""

    model: str
    version: int
    manifest: Manifest
    decoder: Decoder
    signature: Signature
    kind: Literal["model"] = "model"
    together: int = 1
    seconds: float = 0.0
    slow: bool = True
    _estimator: Any
    _path: RowPath
    _functions: Functions
    _frozen: Mapping[str, Any]
    _table: RequestTable
    _blobs: BlobStore
    _code: VersionCode

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        """One answer for each row; UserCodeFailed when the version's own code fails."""
        raw = self.predict_table(self._table.of(rows))
        return answers(self.signature, Raw(raw.labels, raw.scores), raw.answered)

    def predict_table(self, table: Table) -> RawAnswers:
        """Raw predictions for rows of the entry, which must have the version's columns."""
        try:
            X = run_path(self._path, self._given(table), self._functions, self._frozen)
            raw = predict(self._estimator, self.signature, X)
            return RawAnswers(raw.labels, raw.scores, self._answered(raw.for_answer))
        except UserCodeFailed:
            raise
        except Exception as error:
            raise UserCodeFailed(
                f"The code of {self.model} v{self.version} failed on these rows: {type(error).__name__}: {error}",
                code="answer-failed",
                hint="Its transforms could not handle a value that its Schema allows.",
            ) from error

    def transformed(self, rows: Rows) -> Any:
        """What the transforms make of the rows: what the estimator is given."""
        return run_path(self._path, self._table.of(rows), self._functions, self._frozen)

    def trained_rows(self) -> Any:
        """The numbers of the rows the version was trained on, as solution.keeping.row_hashes makes them."""
        return np.asarray(read_file(self.manifest, "trained_rows", self._blobs, self._code))

    def forget(self) -> None:
        """Take the version's modules out of Python's table; what is under way goes on."""
        self._code.forget()

    def _given(self, table: Table) -> Table:
        wanted = [name for name in self._table.order if name in set(columns(table))]
        return table if list(columns(table)) == wanted else only(table, wanted)

    def _answered(self, raw: Any) -> Any:
        described = self.manifest.answer
        if described is None:
            return None
        state = {key: self._frozen[str(name)] for key, name in _mapping(described["frozen"]).items()}
        return self._functions[str(described["name"])](raw, **state, **_mapping(described["arguments"]))


@dataclass(slots=True, kw_only=True)
class LoadedEndpoint:
    """One version of an endpoint: the pinned models and the function that combines their answers."""

    model: str
    version: int
    manifest: Manifest
    decoder: Decoder
    kind: Literal["endpoint"] = "endpoint"
    together: int = 1
    seconds: float = 0.0
    slow: bool = True
    _models: Mapping[str, LoadedModel]
    _function: Any
    _own: tuple[str, ...]
    _code: VersionCode
    _arguments: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        """One combined answer for each row."""
        raw = [rows.raw(i) for i in range(rows.n)]
        given = {}
        for name, model in self._models.items():
            wanted = model.decoder.schema.names
            part = model.decoder.decode_rows([{key: row[key] for key in wanted} for row in raw])
            given[name] = [as_value(each, model.version) for each in model.answer(part)]
        values = rows.columns()
        found = []
        for i in range(rows.n):
            arguments = {name: per_row[i] for name, per_row in given.items()}
            own = {name: values[name][i] for name in self._own if values[name][i] is not None}
            try:
                found.append({"value": plain(self._function(**arguments, **own, **self._arguments))})
            except UserCodeFailed:
                raise
            except Exception as error:
                raise UserCodeFailed(
                    f"Endpoint {self.model} v{self.version} failed: {type(error).__name__}: {error}",
                    code="answer-failed",
                ) from error
        return found

    def forget(self) -> None:
        """Take the version's modules out of Python's table; what is under way goes on."""
        self._code.forget()


def plain(answer: Any) -> dict[str, Any]:
    """The fields of the dataclass that an endpoint returned, as JSON; UserCodeFailed for anything else."""
    if not hasattr(answer, "__dataclass_fields__") or isinstance(answer, type):
        raise UserCodeFailed(
            f"An endpoint returned {'None' if answer is None else 'a ' + type(answer).__name__}, not a dataclass.",
            code="endpoint-not-dataclass",
            hint="Declare a dataclass for its answer and return one.",
        )
    try:
        found: dict[str, Any] = msgspec.to_builtins(answer, enc_hook=_from_numpy)
    except (TypeError, NotImplementedError) as error:
        raise UserCodeFailed(f"An endpoint's answer is not JSON: {error}", code="endpoint-not-json") from error
    return found


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"it holds a {type(value).__name__}")


def load_model(manifest: Manifest | bytes, blobs: BlobStore, *, version: int, name: str | None = None) -> LoadedModel:
    """A model's version from its manifest, which the caller has verified; every file is checked by its digest."""
    known = manifest if isinstance(manifest, Manifest) else manifest_from(manifest)
    code = code_of(known, blobs, name or f"{known.model} v{version}")
    described = msgspec.json.decode(blobs.get(known.files["schema.json"].digest))
    schema = schema_from(described)
    fillers = read_file(known, "fillers", blobs, code)
    frozen = {
        path.removeprefix("state/"): read_file(known, path, blobs, code)
        for path in known.files
        if path.startswith("state/")
    }
    loaded = LoadedModel(
        model=known.model,
        version=version,
        manifest=known,
        decoder=decoder(schema),
        signature=msgspec.convert(dict(known.signature), Signature),
        _estimator=read_file(known, "estimator", blobs, code),
        _path=msgspec.convert(dict(known.path), RowPath),
        _functions=code.functions(),
        _frozen=frozen,
        _table=RequestTable.build(schema, described, fillers),
        _blobs=blobs,
        _code=code,
    )
    _warm(loaded, blobs, WARM_ROWS)
    return loaded


def load_endpoint(
    manifest: Manifest, blobs: BlobStore, models: Mapping[str, LoadedModel], *, version: int
) -> LoadedEndpoint:
    """An endpoint's version over its pinned models, which the caller has loaded by manifest digest."""
    for name, pinned in manifest.models.items():
        if models[name].manifest.digest != pinned["manifest"]:
            raise Damaged(f"{manifest.model} v{version} pins another {name} than the one that was loaded.")
    code = code_of(manifest, blobs, f"{manifest.model} v{version}")
    schema = Schema.from_json(msgspec.json.decode(blobs.get(manifest.files["schema.json"].digest)))
    loaded = LoadedEndpoint(
        model=manifest.model,
        version=version,
        manifest=manifest,
        decoder=decoder(schema),
        _models=models,
        _function=code.functions()[manifest.model.partition(".")[2]],
        _own=tuple(manifest.fields),
        _code=code,
        _arguments=_mapping(manifest.lineage.get("arguments", {})),
    )
    _warm(loaded, blobs, WARM_ROWS_OF_ENDPOINTS)
    loaded.together = min([loaded.together, *(model.together for model in models.values())])
    return loaded


def code_of(manifest: Manifest, blobs: BlobStore, name: str) -> VersionCode:
    """The version's own modules."""
    files = {
        path.removeprefix("code/"): blobs.get(file.digest)
        for path, file in manifest.files.items()
        if path.startswith("code/")
    }
    return VersionCode(name, files)


def read_file(manifest: Manifest, path: str, blobs: BlobStore, code: VersionCode) -> Any:
    """A file of a package as the value it holds. Only bytes that the manifest names are ever unpickled."""
    file = manifest.files.get(path)
    if file is None:
        return None
    value = read_artifact(artifact_of(file), blobs, trusted=_named_by(manifest), find_class=code.find_class)
    return value.to_pandas() if is_dataset(value) else value  # type: ignore[attr-defined]  # by its kind


def artifact_of(file: File) -> Artifact:
    """A file of a package as the artifact it is."""
    return Artifact(digest=file.digest, kind=ArtifactKind(file.kind), size_bytes=file.size, code=file.code)


def _named_by(manifest: Manifest) -> Callable[[str], bool]:
    digests = {file.digest for file in manifest.files.values()}
    return digests.__contains__


def _warm(loaded: LoadedModel | LoadedEndpoint, blobs: BlobStore, rows: int) -> None:
    """Answer held-out rows one by one and together: what one costs, and whether requests may share a call.

    They may when every answer is the same to the last bit alone and among others.
    """
    file = loaded.manifest.files.get("heldout")
    text = blobs.get(file.digest).split(b"\n", rows + 1)[1 : rows + 1] if file is not None else []
    given = [msgspec.json.decode(line)["row"] for line in text if line]
    if not given:
        return
    alone: list[dict[str, Any]] = []
    took = []
    for row in given:
        start = time.perf_counter()
        alone.extend(loaded.answer(loaded.decoder.decode_rows([row])))
        took.append(time.perf_counter() - start)
    loaded.seconds = sorted(took)[len(took) // 2]
    loaded.slow = loaded.seconds > SLOW_SECONDS
    if loaded.answer(loaded.decoder.decode_rows(given)) == alone:
        loaded.together = MOST_TOGETHER


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
