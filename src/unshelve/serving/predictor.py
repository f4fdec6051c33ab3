"""What answers: one version of a model or endpoint, loaded, and the releases that say which one does.

The answer process knows versions by these two protocols alone; `loaded.py` holds what fulfils them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from unshelve.schema.decoder import Decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import JsonValue


class Predictor(Protocol):
    """One version, loaded and ready. Its methods are called by one thread at a time, unless it is fast."""

    @property
    def model(self) -> str:
        """The full name of the model or endpoint: `solution.model`."""

    @property
    def version(self) -> int:
        """The version's number."""

    @property
    def kind(self) -> Literal["model", "endpoint"]:
        """Whether it is a model, or an endpoint over models."""

    @property
    def decoder(self) -> Decoder:
        """Reads requests by the version's Schema."""

    @property
    def seconds(self) -> float:
        """What answering one row took when it was measured at loading."""

    @property
    def slow(self) -> bool:
        """True when one row costs so much (about a millisecond, or anything with pandas in it) that the event loop
        must not wait for it: then rows are answered by a thread of their own. False demands that `answer` may be
        called by the event loop's thread, and by any other at the same time."""

    @property
    def together(self) -> int:
        """How many rows of different requests may be answered by one call: 1 when a row's answer is not the same
        to the last bit alone and among others, as with matrix products; more only when that was checked."""

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        """One JSON-able answer for each row, in their order, without id and version.

        Raises UserCodeFailed when the version's own code fails.
        """


@runtime_checkable
class LooksUp(Predictor, Protocol):
    """A version that joins rows with lookups, and can be told which copies of them to take."""

    @property
    def pinned(self) -> Mapping[str, str]:
        """The copies that it was trained with: lookup -> digest."""

    def answer(self, rows: Rows, copies: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """As without copies, from these instead of the newest. May load one, so it is called by a worker thread."""

    def looked_up(
        self, rows: Sequence[Mapping[str, JsonValue]], copies: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """What the lookups give for each row: copy, age and values of the entry, by lookup. Raises SchemaMismatch."""


class Releases(Protocol):
    """Which version answers for which model, kept in step with the database."""

    def release_for(self, model: str) -> Predictor:
        """The version that answers now: from memory, at once. Raises NotFound, with what is near."""

    def version(self, model: str, number: int) -> Predictor:
        """One version, released or not. Raises NotFound. May load it, so it is called by a worker thread."""

    def loaded(self, model: str, number: int) -> Predictor | None:
        """The same version when it is in memory already: at once."""

    def refresh(self) -> None:
        """Takes over what the database says now, in one step, after what is new has been loaded.

        Called by a worker thread, never by two at a time, after any change of the database. While it works the
        former releases go on answering; when it raises, they remain.
        """
