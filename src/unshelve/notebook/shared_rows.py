"""Counts the rows that are on both sides of a division, value by value."""

from __future__ import annotations

from typing import Any, Final  # Any: tables of libraries that are not imported here

_MOST_CELLS: Final = 5_000_000


def shared_rows(parts: Any) -> tuple[int, int] | None:
    """How many test rows are among the training rows too, equal in all that was divided, and of how many.

    `parts` are those of `train_test_split`: training and test rows of each thing that was divided, in turn. None where
    they are no tables, or too large to be compared on the way.
    """
    if not isinstance(parts, list) or len(parts) < 2 or len(parts) % 2:
        return None
    if any(getattr(each, "ndim", 0) not in (1, 2) or (not hasattr(each, "dtype") and not hasattr(each, "dtypes"))
           for each in parts):  # fmt: skip
        return None
    if sum(int(each.size) for each in parts) > _MOST_CELLS or hasattr(parts[0], "tocsr"):
        return None
    import numpy as np

    try:
        train, test = (np.column_stack([_hashes(each) for each in side]) for side in (parts[::2], parts[1::2]))
    except (TypeError, ValueError, NotImplementedError):  # cells that have no hash, such as lists
        return None
    known = {row.tobytes() for row in train}
    return sum(row.tobytes() in known for row in test), len(test)


def _hashes(part: Any) -> Any:
    """A number for each row, equal for equal values."""
    import pandas as pd

    table = part if isinstance(part, pd.DataFrame | pd.Series) else pd.DataFrame(part)
    return pd.util.hash_pandas_object(table, index=False).to_numpy()
