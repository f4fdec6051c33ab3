"""Arrow batches of a dataset as pandas tables whose columns keep their types from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import pyarrow as pa


def frame_of(batch: pa.RecordBatch) -> pd.DataFrame:
    """A batch as a pandas table, in which whole numbers stay whole where some are missing."""
    gaps = {column.type for column in batch.columns if column.null_count and pa.types.is_integer(column.type)}
    frame: pd.DataFrame = batch.to_pandas(types_mapper={kind: _WHOLE[kind] for kind in gaps}.get)
    return frame


_WHOLE: Final[Mapping[pa.DataType, Any]] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}
