"""All slow versions' threads: one each, begun when it is asked and ended when it has been idle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unshelve.schema.rows import Rows
from unshelve.serving.lane import Answers, Lane
from unshelve.serving.limits import Limits
from unshelve.serving.predictor import Predictor

_IDLE_SECONDS: Final = 60.0


class Lanes:
    """The lanes of a process. Used from its event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lanes: dict[tuple[str, int], Lane] = {}

    async def answer(self, predictor: Predictor, rows: Rows, copies: Mapping[str, str] | None = None) -> Answers:
        """The answers of a slow version to some rows, from the newest copies of its lookups or from those named."""
        return await self._lane(predictor).answer(rows, copies)

    def tend(self) -> list[str]:
        """Gives up what takes too long, ends what is idle, and names the versions that hang. To be called often."""
        hanging = []
        for key, lane in list(self._lanes.items()):
            seconds = lane.working_seconds()
            if seconds > self._limits.answer_seconds:
                lane.give_up()
            if seconds > self._limits.stuck_seconds:
                hanging.append(f"{key[0]} version {key[1]}")
            if seconds == 0 and lane.idle_seconds() > _IDLE_SECONDS:
                lane.close()
                del self._lanes[key]
        return hanging

    def close(self) -> None:
        """Ends the threads as soon as they are idle."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def _lane(self, predictor: Predictor) -> Lane:
        key = (predictor.model, predictor.version)
        lane = self._lanes.get(key)
        if lane is None or lane.predictor is not predictor:
            if lane is not None:
                lane.close()
            lane = self._lanes[key] = Lane(predictor, self._limits)
        return lane
