"""SinkRows: the rows of a batch, a part at a time: of a table in memory, or of a dataset that never is there whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from unshelve.data.batch_frames import frame_of
from unshelve.data.dataset import Dataset
from unshelve.data.tables import is_dataset, to_pandas


@dataclass(frozen=True, slots=True, repr=False)
class SinkRows:
    """Rows with numbers from 0 on."""

    held: pd.DataFrame | Dataset

    @classmethod
    def of(cls, value: Any) -> SinkRows:  # Any: a pandas, polars or Arrow table, or a dataset
        """The rows of a table or of a dataset."""
        return cls(value if is_dataset(value) else to_pandas(value))

    def __len__(self) -> int:
        return len(self.held)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.held.columns]

    def parts(
        self, start: int, size: int, *, end: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """The rows from `start` on in tables of at most `size` rows, all columns or some of them."""
        last = len(self) if end is None else end
        if isinstance(self.held, pd.DataFrame):
            table = self.held if columns is None else self.held[list(columns)]
            for first in range(start, last, size):
                yield table.iloc[first : min(first + size, last)]
            return
        for batch in self.held.batches(columns, start=start):
            for first in range(0, batch.num_rows, size):
                if start >= last:
                    return
                part = batch.slice(first, min(size, last - start))
                start += part.num_rows
                yield frame_of(part)
