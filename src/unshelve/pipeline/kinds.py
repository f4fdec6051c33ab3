"""Artifact: the name of a stored value, light enough for processes that never load the value itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from unshelve.errors import Damaged


class ArtifactKind(StrEnum):
    """How the bytes of an artifact are to be read."""

    TABLE = "table"  # a pandas DataFrame as Parquet
    SERIES = "series"  # a pandas Series as Parquet with one column
    POLARS = "polars"  # a polars DataFrame as Parquet
    ARROW = "arrow"  # an Arrow table as Parquet
    DATASET = "dataset"  # a table in several Parquet blobs; the bytes are the list of them, as data.dataset has it
    ARRAY = "array"  # a numpy array as npy
    SPARSE = "sparse"  # a sparse matrix of scipy: its arrays one after the other, as pipeline.sparse has it
    NUMBER = "number"  # a numpy scalar as npy of no dimensions
    JSON = "json"  # None, booleans, numbers, texts, lists and string-keyed dicts of them
    FIGURE = "figure"  # a matplotlib figure as SVG
    BYTES = "bytes"  # as they are
    OBJECT = "object"  # anything else, pickled: a fitted estimator


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A typed value that a step made, stored under the hash of its content.

    `summary` says in a few JSON values what it is (rows and columns, shape, type). `code` is the digest of the
    project's own classes inside a pickled object: its bytes hold only their names, and two objects of equal
    bytes behave differently when their class was edited.
    """

    digest: str
    kind: ArtifactKind
    size_bytes: int
    summary: Mapping[str, object] = {}
    code: str | None = None

    @property
    def identity(self) -> str:
        """What the keys of later steps hold: equal identities are equal values."""
        return f"{self.kind}:{self.digest}:{self.code}" if self.code else f"{self.kind}:{self.digest}"

    @property
    def words(self) -> str:
        """What the value is, in a few words: "1,200 x 7 table"."""
        told = self.summary
        if "rows" in told:
            width = f" x {told['width']:,}" if "width" in told else ""
            what = "series" if self.kind is ArtifactKind.SERIES else "table"
            if self.kind is ArtifactKind.DATASET and isinstance(parts := told.get("parts"), int):
                what = f"dataset in {parts:,} part{'' if parts == 1 else 's'}"
            return f"{told['rows']:,}{width} {what}"
        if self.kind is ArtifactKind.SPARSE and isinstance(told.get("shape"), list | tuple):
            size = " x ".join(f"{one:,}" for one in told["shape"])  # type: ignore[attr-defined]  # a list
            return f"{size} sparse matrix, {told['stored']:,} values"
        if self.kind is ArtifactKind.ARRAY and isinstance(told.get("shape"), list | tuple):
            size = " x ".join(f"{one:,}" for one in told["shape"]) or "single"  # type: ignore[attr-defined]  # a list
            return f"{size} array"
        length = f" of {told['length']:,}" if "length" in told else ""
        return f"{told.get('type', self.kind.value)}{length}"

    def to_json(self) -> dict[str, object]:
        """The artifact as JSON values."""
        value: dict[str, object] = {
            "digest": self.digest,
            "kind": self.kind.value,
            "size_bytes": self.size_bytes,
            "summary": dict(self.summary),
        }
        if self.code is not None:
            value["code"] = self.code
        return value


def stored_bytes(artifact: Mapping[str, Any]) -> int:
    """What an artifact, as JSON values, needs in the store: a dataset's own bytes and those of its parts."""
    parts = artifact["summary"].get("bytes", 0) if artifact["kind"] == ArtifactKind.DATASET else 0
    return int(artifact["size_bytes"]) + int(parts)


class _Parts(msgspec.Struct):
    parts: list[dict[str, Any]]  # JSON


def parts_of(data: bytes) -> tuple[str, ...]:
    """The digests of the blobs that a dataset's bytes name. Raises Damaged for bytes that are no dataset."""
    try:
        return tuple(part["digest"] for part in msgspec.json.decode(data, type=_Parts).parts)
    except (msgspec.DecodeError, KeyError) as error:
        raise Damaged(f"The list of a dataset's parts cannot be read: {error}") from error


def artifact_from_json(value: object) -> Artifact:
    """The artifact that `to_json` wrote. Raises Damaged for anything else."""
    if not isinstance(value, dict):
        raise Damaged(f"An artifact should be a JSON object and is {type(value).__name__}.")
    try:
        return Artifact(
            digest=value["digest"],
            kind=ArtifactKind(value["kind"]),
            size_bytes=value["size_bytes"],
            summary=value["summary"],
            code=value.get("code"),
        )
    except (KeyError, ValueError) as error:
        raise Damaged(f"A stored artifact cannot be read: {error!r}.") from error
