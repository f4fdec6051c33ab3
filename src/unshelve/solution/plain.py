"""Values that numeric code makes, as JSON has them: no numpy scalars, no tuples, no dataclasses."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd


def as_json(value: Any) -> Any:
    """The value with everything in it as JSON has it; what JSON cannot have is left as it is."""
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, pd.Series | np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, list | tuple | pd.Index):
        return [as_json(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return value
