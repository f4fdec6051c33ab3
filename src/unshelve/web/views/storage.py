"""What is stored: where, how much of it is whose, and what was done to look after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.views.parts import Glance


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What one solution costs, in bytes."""

    solution: str
    total: int
    own: int
    shared: int
    parts: tuple[int, ...]
    """As the view names them."""
    bar: Markup = field(repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRow:
    """What was done to look after the store."""

    what: str
    at: datetime
    actor: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageView:
    """The page of the store. `swept` tells of a sweep that was just tried or done."""

    database: str
    blobs: str
    remark: str
    """What somebody should know about the store of the blobs; empty where there is nothing."""
    copies: str
    """Where copies of what is kept elsewhere lie; empty for none."""
    home: str
    glances: Sequence[Glance]
    counted_at: datetime | None
    parts: Sequence[str]
    """What bytes are counted as."""
    tones: Sequence[Markup] = field(repr=False, metadata={"twin": False})
    """How bars show them."""
    costs: Sequence[CostRow]
    done: Sequence[DoneRow]
    kept: Sequence[tuple[str, str]]
    swept: str = ""
    problem: str = ""
