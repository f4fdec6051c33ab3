"""A model's row path as a task's parameters describe it, with the frozen state it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unshelve.serving.row_path import RowPath


def row_path(parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[RowPath, dict[str, Any]]:
    """The path, and its frozen state by name."""
    described = parameters["path"]
    inner = described.get("path", described)
    labels = described["frozen"] if "frozen" in described else parameters["frozen"]
    path = msgspec.convert(inner, RowPath)
    return path, {name: inputs[label] for name, label in labels.items()}
