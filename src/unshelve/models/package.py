"""The package of a version: a manifest of files, each named by its digest, and what they are for.

The manifest is immutable: its digest is the version's identity, and its signature is checked whenever the
version is loaded. What is found out later about a version (its Proof, its gates) are attestations that name
that digest.

Files of a model: `estimator`, `state/NAME` (frozen state), `lookup/NAME` (the copy of a lookup), `code/PATH`,
`schema.json`, `fillers`, `evaluation.json`, `reference.json`, `trained_rows`, `heldout`. Files of an endpoint:
`code/PATH`, `schema.json`, `heldout`; it pins its models' manifests instead of holding files of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from unshelve.errors import Damaged
from unshelve.ids import canonical_json, digest

FORMAT = 1
"""Raise it when an older unshelve could not load what a newer one packs; old numbers stay readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a package: where its bytes are, how many, and how they are read (an artifact kind)."""

    digest: str
    size: int
    kind: str
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that makes a version what it is. Two runs that make the same version make the same manifest."""

    model: str
    """Full name: solution.model or solution.endpoint."""
    kind: Literal["model", "endpoint"]
    title: str
    description: str
    files: Mapping[str, File]
    path: Mapping[str, object] = field(default_factory=dict)
    """The row path as serving.row_path reads it."""
    answer: Mapping[str, object] | None = None
    """The answer step: its name, its frozen inputs and arguments."""
    signature: Mapping[str, object] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Of an endpoint: the models it combines, each with its pinned number and manifest digest."""
    fields: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Of an endpoint: the request fields that are parameters of its own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, object] = field(default_factory=dict)
    """What it was made from: the identities of its sources, the code digest, the parameters, the split."""
    not_covered: tuple[str, ...] = ()
    """What lies before the request path and is therefore not proven, one sentence each."""
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The canonical JSON of the manifest: what is signed."""
        return canonical_json(self)

    @property
    def digest(self) -> str:
        return digest(self.to_bytes())

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())


def manifest_from(data: bytes) -> Manifest:
    """The manifest that `to_bytes` wrote; Damaged for anything else, or for a newer format."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Damaged(f"A manifest cannot be read: {error}") from error
    if manifest.format > FORMAT:
        raise Damaged(
            f"The manifest of {manifest.model} is of format {manifest.format}; this unshelve reads up to {FORMAT}.",
            code="manifest-too-new",
            hint="Use the unshelve that made it, or a newer one.",
        )
    return manifest
