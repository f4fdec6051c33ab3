"""Where chance begins for a step that sets no seed of its own: always at the same place.

The place is the state in which importing the solution left Python's and numpy's global generators, if the
solution set one (`np.random.seed(42)` at the top); else a seed made of the step's name. So an unseeded step gives the
same result again, whichever worker runs it and whatever ran there before.
"""

from __future__ import annotations

import random
from typing import Any, Final

import numpy as np

from unshelve.ids import digest

_FIRST_SEED: Final = 0


class Chance:
    """The global generators of a worker. Make it before the solution is loaded."""

    def __init__(self) -> None:
        random.seed(_FIRST_SEED)
        np.random.seed(_FIRST_SEED)
        self._python, self._numpy = random.getstate(), _numpy_state()
        self._python_is_set = self._numpy_is_set = False

    def loaded(self) -> None:
        """Remembers what loading the solution has set."""
        python, numpy = random.getstate(), _numpy_state()
        self._python_is_set = python != self._python
        self._numpy_is_set = numpy != self._numpy
        self._python, self._numpy = python, numpy

    def begin(self, step: str) -> None:
        """Puts the generators where a step begins."""
        seed = int(digest(step.encode())[:8], 16)
        if self._python_is_set:
            random.setstate(self._python)
        else:
            random.seed(seed)
        if self._numpy_is_set:
            np.random.set_state(self._numpy)
        else:
            np.random.seed(seed)


def _numpy_state() -> Any:  # Any: numpy's own tuple, with the key as a tuple so that it can be compared
    name, key, *rest = np.random.get_state()
    return (name, tuple(key), *rest)
