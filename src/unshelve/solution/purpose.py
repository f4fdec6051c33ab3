"""What a run is for, which says how much of the platform's own work it does beside the author's."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What becomes of a run's results."""

    RELEASE = "release"
    """Versions are judged, proven with all held-out rows, and released."""
    COMPARISON = "comparison"
    """They are held against what something else computed, and then thrown away: the importance of columns is not
    measured, and the Proof asks a few rows, since whoever compares asks all. Every check is made as for a release."""

    @property
    def proof_rows(self) -> int | None:
        """How many held-out rows the Proof asks a version about; None: all that were packed with it."""
        return _FEW if self is Purpose.COMPARISON else None


_FEW = 30
