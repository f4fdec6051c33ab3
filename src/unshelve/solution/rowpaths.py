"""A model's row path as a task's parameters describe it, with the frozen state and the lookups it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unshelve.data.lookup_copy import LookupCopy
from unshelve.serving.row_path import RowPath


def row_path(parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[RowPath, dict[str, Any]]:
    """The path, and its frozen state and copies of lookups by name."""
    described = parameters["path"]
    inner = described.get("path", described)
    labels = described["frozen"] if "frozen" in described else parameters["frozen"]
    path = msgspec.convert(inner, RowPath)
    state = {name: inputs[label] for name, label in labels.items()}
    copies = {name: LookupCopy(state[name], lookup, name=name) for name, lookup in path.lookups.items()}
    return path, {**state, **copies}
