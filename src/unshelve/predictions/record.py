"""What is kept of one answer."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """One answer as it left: its id, who asked what of which version, what was answered and how long it took.

    `row` and `answer` are JSON text in UTF-8, exactly as they were read and sent. The order of the fields is the
    order on disk: a new one goes to the end and has a default.
    """

    id: str
    time: int
    """Whole milliseconds since 1970, UTC: the same as those in the id."""
    model: str
    """The full name of the model or endpoint: `solution.model`."""
    version: int
    actor: str
    """The id of the actor that asked."""
    route: str
    """The kind of route: `model` for the released version, `version` for one that was named, `form`, `file`,
    `sink`."""
    row: bytes
    answer: bytes
    seconds: float
    """From the request's bytes to the answer's, transforms and model included."""
    lookups: bytes = b""
    """Which copies of lookups were asked: JSON of {lookup: {"copy": digest, "age_seconds": number or null, "found":
    "entry", "stale" or "none"}}, or empty. The age is that of the copy when it was asked. Of an endpoint, a lookup is
    named `model/lookup`."""
