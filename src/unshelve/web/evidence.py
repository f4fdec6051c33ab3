"""What is known about a version, read from its package and its attestations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from unshelve.data.lookups import Lookup
from unshelve.errors import Damaged
from unshelve.models.package import Manifest, manifest_from
from unshelve.registry.versions import Attestation, Version
from unshelve.schema.schema import Schema
from unshelve.storage.blobs import BlobStore


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One measure with its interval, over n rows."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    higher_is_better: bool = True
    unit: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What a dumb answer would have scored."""

    name: str
    says: str
    metrics: tuple[Measured, ...] = ()


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """What shuffling one column costs."""

    column: str
    metric: str
    mean: float
    least: float
    most: float


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What the model's answers are."""

    task: str = ""
    classes: tuple[bool | int | float | str, ...] = ()
    scores: str | None = None
    unit: str | None = None


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation.json` of a version, as `solution.judging` writes it. Pictures stay plain values (JSON)."""

    task: str = ""
    signature: Signature = Signature()
    rows: Mapping[str, int | None] = {}
    metrics: tuple[Measured, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    headline: str | None = None
    split: str = ""
    pictures: Mapping[str, Any] = {}
    importance: tuple[Importance, ...] = ()

    def metric(self, name: str | None) -> Measured | None:
        """A measure by its name."""
        return next((one for one in self.metrics if one.name == name), None)

    def baseline(self, name: str) -> float | None:
        """The best that a dumb answer scored by a measure."""
        mine = self.metric(name)
        found = [one.value for each in self.baselines for one in each.metrics if one.name == name]
        if not found or mine is None:
            return None
        return max(found) if mine.higher_is_better else min(found)


class GateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How one gate came out."""

    name: str
    outcome: str
    message: str


class GatesDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The attestation `gates`."""

    verdicts: tuple[GateVerdict, ...] = ()


class DifferenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The first value that differed."""

    way: str = ""
    position: int = 0
    value: str = ""
    trained: object = None
    served: object = None
    step: str | None = None
    column: str | None = None


class ProofDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The attestation `proof`, as `serving.proof` writes it."""

    outcome: str
    rows: int = 0
    tried: int = 0
    refused: int = 0
    ways: Mapping[str, Mapping[str, int]] = {}
    values: Mapping[str, int] = {}
    not_covered: tuple[str, ...] = ()
    difference: DifferenceDocument | None = None
    latency_seconds: tuple[float, ...] = ()
    proved_at: str = ""


def manifest_of(blobs: BlobStore, version: Version) -> Manifest:
    """The manifest of a version."""
    return manifest_from(blobs.get(version.manifest))


def evaluation_of(blobs: BlobStore, manifest: Manifest) -> Evaluation | None:
    """How the version was judged, or None for one that was not (an endpoint)."""
    file = manifest.files.get("evaluation.json")
    return None if file is None else _decoded(blobs.get(file.digest), Evaluation, "evaluation")


def schema_of(blobs: BlobStore, manifest: Manifest) -> Schema:
    """What a request to the version looks like."""
    document = _decoded(blobs.get(manifest.files["schema.json"].digest), dict[str, Any], "Schema")
    return Schema.from_json({key: document[key] for key in ("format", "fields") if key in document})


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFields:
    """What a version is given by a lookup: how rows find their entries, its fields, and those that must be there."""

    name: str
    how: Lookup
    schema: Schema
    required: tuple[str, ...]


def lookups_of(blobs: BlobStore, manifest: Manifest) -> tuple[LookupFields, ...]:
    """What a version gets by lookups and is not sent; of an endpoint, what the models that it pins get."""
    if manifest.kind == "endpoint":
        pinned = [str(one["manifest"]) for one in manifest.models.values()]
        found = [one for each in pinned if blobs.has(each) for one in lookups_of(blobs, manifest_from(blobs.get(each)))]
        return tuple({one.name: one for one in reversed(found)}.values())[::-1]
    hows = msgspec.convert(manifest.path.get("lookups", {}), dict[str, Lookup])
    if not hows:
        return ()
    document = _decoded(blobs.get(manifest.files["schema.json"].digest), dict[str, Any], "Schema")
    return tuple(
        LookupFields(
            name=name,
            how=how,
            schema=Schema.from_json({"format": document["format"], "fields": document["lookups"][name]["fields"]}),
            required=tuple(document["lookups"][name]["required"]),
        )
        for name, how in hows.items()
    )


def gates_of(blobs: BlobStore, attested: Attestation | None) -> tuple[GateVerdict, ...]:
    """The verdicts of the gates; none when they were not asked yet."""
    return () if attested is None else _decoded(blobs.get(attested.blob), GatesDocument, "gates").verdicts


def proof_of(blobs: BlobStore, attested: Attestation | None) -> ProofDocument | None:
    """The Proof, when there is one."""
    return None if attested is None else _decoded(blobs.get(attested.blob), ProofDocument, "Proof")


_T = TypeVar("_T")


def _decoded(data: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise Damaged(f"The stored {what} cannot be read: {error}.", code="evidence-unreadable") from error
