"""Rows of a table as callers would send them, and as the platform then hands them to the code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.frames import records
from unshelve.errors import SchemaMismatch
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Schema


def accepted_rows(learned: Schema, table: pd.DataFrame) -> tuple[np.ndarray[Any, Any], list[dict[str, Any]]]:
    """Positions of the rows that the Schema accepts, and these rows as a caller would send them."""
    rows = records(table, learned)
    reader = decoder(learned)
    accepted, sent = [], []
    for position, row in enumerate(rows):
        try:
            reader.decode_rows([row])
        except SchemaMismatch:
            continue
        accepted.append(position)
        sent.append(row)
    return np.asarray(accepted, dtype=np.int64), sent
