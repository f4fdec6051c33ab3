"""What the training column's dtype can hold, beside what the field itself allows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from unshelve.schema.schema import Field, FieldType, Number

INT64: Final = (-(2**63), 2**63 - 1)
FLOAT64_MAX: Final = 1.7976931348623157e308

# Whole numbers up to these are exact in a float of that many bits: an integer column that a missing value
# turned to float can hold no others.
EXACT_WHOLE: Final = {16: 2**11, 32: 2**24, 64: 2**53}
_LARGEST: Final = {16: 65504.0, 32: 3.4028234663852886e38, 64: FLOAT64_MAX}
_ARROW_FLOATS: Final = {"halffloat": 16, "float": 32, "double": 64}


def bounds(one: Field) -> tuple[Number, Number]:
    """The smallest and largest number that the field accepts: its own, cut to what its dtype can hold.

    Always finite, so that a comparison with both refuses NaN and infinities as well.
    """
    low, high = dtype_bounds(one)
    if one.minimum is not None:
        low = max(low, one.minimum)
    if one.maximum is not None:
        high = min(high, one.maximum)
    return low, high


def dtype_bounds(one: Field) -> tuple[Number, Number]:
    """The smallest and largest number that the field's training column can hold without a change."""
    return _dtype_bounds(one.dtype, one.type)


@lru_cache(maxsize=256)
def _dtype_bounds(dtype: str, kind: FieldType) -> tuple[Number, Number]:
    whole = re.search(r"(u?)int(\d+)", dtype, re.IGNORECASE)
    if whole is not None:
        bits = int(whole[2])
        return (0, 2**bits - 1) if whole[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    bits = float_bits(dtype)
    if kind is FieldType.INTEGER:
        return (-EXACT_WHOLE[bits], EXACT_WHOLE[bits]) if bits else INT64
    largest = _LARGEST[bits or 64]
    return -largest, largest


def float_bits(dtype: str) -> int:
    """How many bits a float dtype has; 0 when it is not one."""
    arrow = re.fullmatch(r"(\w+)\[pyarrow\]", dtype)
    if arrow is not None:
        return _ARROW_FLOATS.get(arrow[1], 0)
    plain = re.fullmatch(r"[Ff]loat(\d+)", dtype)
    return int(plain[1]) if plain is not None else 0
