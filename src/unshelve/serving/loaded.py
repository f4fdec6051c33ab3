"""A version, loaded from its verified package and ready to answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from unshelve.data.frames import frame
from unshelve.data.lookup_copy import AskedCopy, LookupCopy
from unshelve.data.lookups import Lookup
from unshelve.data.tables import Table, columns, is_dataset, only
from unshelve.errors import Damaged, SchemaMismatch, UserCodeFailed
from unshelve.models.estimator import Raw, Signature, predict
from unshelve.models.package import File, Manifest, manifest_from
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import JsonValue, Schema
from unshelve.serving.answer import answers, as_value
from unshelve.serving.code import VersionCode
from unshelve.serving.copies import Chosen, Copies, LookupUse, Newest, lookup_uses, note
from unshelve.serving.request_table import RequestTable, schema_from, told
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
    _copies: Copies
    _uses: Mapping[str, LookupUse]
    _told: tuple[tuple[str, int], ...]
    """Fields by which lookups find entries and which are in the table as they were sent, with their places."""

    @property
    def pinned(self) -> Mapping[str, str]:
        """The copies of lookups that the version was trained with, by digest."""
        return {name: use.pinned.digest for name, use in self._uses.items()}

    @property
    def lookups(self) -> tuple[str, ...]:
        """The full names of the lookups that its rows are joined with: `solution.lookup`."""
        return tuple(use.full_name for use in self._uses.values())

    @property
    def used(self) -> tuple[tuple[str, Lookup], ...]:
        """Its lookups by full name, each with how rows find their entries."""
        return tuple((use.full_name, use.lookup) for use in self._uses.values())

    def answer(self, rows: Rows, copies: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """One answer for each row; UserCodeFailed when the version's own code fails.

        `copies` says which copies of its lookups are asked, by digest; without it the newest are. Each answer then
        says under "lookups" which they were.
        """
        return self.answer_from(rows, self._copies.choose(self._uses, copies))

    def answer_from(self, rows: Rows, chosen: Mapping[str, Chosen]) -> list[dict[str, Any]]:
        """One answer for each row, from copies that were chosen already."""
        table = self._table.of(rows)
        cells = None
        if self._told and rows.n <= MOST_TOGETHER:
            cells = [{name: row[place] for name, place in self._told} for row in rows.values]
        asked = {name: one.copy.asked() for name, one in chosen.items()}
        raw = self.predict_table(table, asked, cells)
        found = answers(self.signature, Raw(raw.labels, raw.scores), raw.answered)
        note(found, chosen, asked)
        return found

    def choose(self, copies: Mapping[str, str] | None = None, newest: Newest | None = None) -> Mapping[str, Chosen]:
        """The copies of its lookups that answer: those with these digests, else the newest ones."""
        return self._copies.choose(self._uses, copies, newest)

    def fitting(self, copies: Mapping[str, LookupCopy]) -> dict[str, LookupCopy]:
        """Those of some copies, by their lookups' own names, that the version can be joined with, as it takes them."""
        found = {name: use.fitted(copies[name]) for name, use in self._uses.items() if name in copies}
        return {name: copy.requiring(()) for name, copy in found.items() if copy is not None}

    @property
    def newest(self) -> Newest:
        """The newest copies of all lookups."""
        return self._copies.newest

    def looked_up(
        self, rows: Sequence[Mapping[str, JsonValue]], copies: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """What its lookups give for each row: by lookup the copy, its age and the entry's values, None without one.

        Rows need only have the fields by which entries are found. A lookup that other fields are needed for, or that
        is joined with what a transform made, is left out.
        """
        found: list[dict[str, Any]] = [{} for _ in rows]
        fields = {field.name: field for field in self.decoder.schema.fields}
        for name, one in self.choose(copies).items():
            wanted = one.copy.columns_of_rows
            if not rows or not all(column in fields and column in rows[0] for column in wanted):
                continue
            part = Schema(tuple(fields[column] for column in wanted))
            given = decoder(part).decode_rows([{column: row[column] for column in wanted} for row in rows])
            table = frame(given.columns(), part)
            for row, position, age in zip(found, one.copy.positions(table), one.copy.age_seconds(table), strict=True):
                values = one.copy.values_at(int(position)) if position >= 0 else None
                row[name] = {"copy": one.copy.digest, "made_ms": one.made_ms, "age_seconds": age, "values": values}
        return found

    def predict_table(
        self,
        table: Table,
        copies: Mapping[str, LookupCopy | AskedCopy] | None = None,
        cells: Sequence[Mapping[str, Any]] | None = None,
    ) -> RawAnswers:
        """Raw predictions for rows of the entry, which must have the version's columns.

        Rows are joined with the lookups that the version was trained with, except for those in `copies`. `cells` are
        values of each row, as far as they are at hand.
        """
        try:
            frozen = self._frozen if not copies else {**self._frozen, **copies}
            X = run_path(self._path, self._given(table), self._functions, frozen, cells=cells)
            raw = predict(self._estimator, self.signature, X)
            return RawAnswers(raw.labels, raw.scores, self._answered(raw.for_answer))
        except (UserCodeFailed, SchemaMismatch):
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

    @property
    def pinned(self) -> Mapping[str, str]:
        """The copies of lookups that its models were trained with, by `model/lookup`."""
        return {f"{model}/{name}": digest for model, one in self._models.items() for name, digest in one.pinned.items()}

    @property
    def lookups(self) -> tuple[str, ...]:
        """The full names of the lookups that its models' rows are joined with."""
        return tuple(dict.fromkeys(name for one in self._models.values() for name in one.lookups))

    def answer(self, rows: Rows, copies: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """One combined answer for each row. All models are asked with the same copies of what they share."""
        raw = [rows.raw(i) for i in range(rows.n)]
        given = {}
        used: list[dict[str, Any]] = [{} for _ in raw]
        chosen = self._choose(copies)
        for name, model in self._models.items():
            wanted = model.decoder.schema.names
            part = model.decoder.decode_rows([{key: row[key] for key in wanted} for row in raw])
            said = model.answer_from(part, chosen[name])
            given[name] = [as_value(each, model.version) for each in said]
            for row, each in zip(used, said, strict=True):
                row.update({f"{name}/{lookup}": one for lookup, one in each.get("lookups", {}).items()})
        values = rows.columns()
        found = []
        for i in range(rows.n):
            arguments = {name: per_row[i] for name, per_row in given.items()}
            own = {name: values[name][i] for name in self._own if values[name][i] is not None}
            try:
                value = plain(self._function(**arguments, **own, **self._arguments))
                found.append({"value": value, **({"lookups": used[i]} if used[i] else {})})
            except UserCodeFailed:
                raise
            except Exception as error:
                raise UserCodeFailed(
                    f"Endpoint {self.model} v{self.version} failed: {type(error).__name__}: {error}",
                    code="answer-failed",
                ) from error
        return found

    def looked_up(
        self, rows: Sequence[Mapping[str, JsonValue]], copies: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """What the lookups of its models give for each row, each once."""
        found: list[dict[str, Any]] = [{} for _ in rows]
        for name, model in self._models.items():
            own = None if copies is None else _of_model(copies, name)
            for row, each in zip(found, model.looked_up(rows, own), strict=True):
                row.update({lookup: one for lookup, one in each.items() if lookup not in row})
        return found

    def _choose(self, copies: Mapping[str, str] | None) -> dict[str, Mapping[str, Chosen]]:
        if copies is None:
            newest = next((model.newest for model in self._models.values()), None)
            return {name: model.choose(newest=newest) for name, model in self._models.items()}
        return {name: model.choose(_of_model(copies, name)) for name, model in self._models.items()}

    def forget(self) -> None:
        """Take the version's modules out of Python's table; what is under way goes on."""
        self._code.forget()


def _of_model(copies: Mapping[str, str], model: str) -> dict[str, str]:
    """Those of copies named `model/lookup` that are of one model, by lookup."""
    return {name.partition("/")[2]: digest for name, digest in copies.items() if name.partition("/")[0] == model}


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


def load_model(
    manifest: Manifest | bytes,
    blobs: BlobStore,
    *,
    version: int,
    name: str | None = None,
    copies: Copies | None = None,
) -> LoadedModel:
    """A model's version from its manifest, which the caller has verified; every file is checked by its digest.

    `copies` holds the newest copies of lookups; without it a version answers from those it was trained with.
    """
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
    path = msgspec.convert(dict(known.path), RowPath)
    held = copies or Copies(blobs)
    pinned = {name: known.files[f"lookup/{name}"].digest for name in path.lookups}
    uses = lookup_uses(known.model.partition(".")[0], path.lookups, described, pinned, held)
    loaded = LoadedModel(
        model=known.model,
        version=version,
        manifest=known,
        decoder=decoder(schema),
        signature=msgspec.convert(dict(known.signature), Signature),
        _estimator=read_file(known, "estimator", blobs, code),
        _path=path,
        _functions=code.functions(),
        _frozen={**frozen, **{name: use.pinned for name, use in uses.items()}},
        _table=RequestTable.build(schema, described, fillers),
        _blobs=blobs,
        _code=code,
        _copies=held,
        _uses=uses,
        _told=told(schema, [name for one in path.lookups.values() for name in (*one.key, one.event) if name]),
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
        alone.extend(loaded.answer(loaded.decoder.decode_rows([row]), loaded.pinned))
        took.append(time.perf_counter() - start)
    loaded.seconds = sorted(took)[len(took) // 2]
    loaded.slow = loaded.seconds > SLOW_SECONDS
    if loaded.answer(loaded.decoder.decode_rows(given), loaded.pinned) == alone:
        loaded.together = MOST_TOGETHER


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
