"""What the tests of a lifted solution are written with: its errors, and a freshly trained model that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from unshelve.errors import Refused
from unshelve.notebook.comparing import compare_plain
from unshelve.notebook.expected import Expected
from unshelve.notebook.lift_run import asker, lift_run
from unshelve.notebook.outcome import GOOD
from unshelve.solution.check import check
from unshelve.solution.declaring import declaration_of
from unshelve.solution.origin import ANSWERS_FILE, Example, LiftAnswers

AskRow = Callable[[Mapping[str, object]], Mapping[str, object]]
"""A row, answered. Refused where the Schema does not take it."""


def errors(folder: Path) -> list[str]:
    """The errors that `unshelve check` finds in a solution, each with its place and repair."""
    return [str(each) for each in check(declaration_of(folder)) if each.severity == "error"]


def examples(folder: Path) -> tuple[Example, ...]:
    """The rows that the last lift kept whole, with their answers."""
    return _known(folder).examples


@contextmanager
def trained(folder: Path) -> Iterator[AskRow]:
    """Train the solution in a home that is gone afterwards, and ask the version that came of it, through HTTP."""
    wanted = Expected(kept=folder, model=_known(folder).model, features=None, fit_call=None, predict_call=None)
    with lift_run(folder, wanted, control=None, told=lambda _said: None) as ran:
        if ran.version is None:
            raise Refused(f"The solution did not run to its end: {(ran.failure or ('no version came of it',))[0]}")
        with asker(ran.control, ran.full_name, ran.version) as ask:

            def answer(row: Mapping[str, object]) -> Mapping[str, object]:
                status, body = ask([row])
                if status != 200:
                    raise Refused(str(body.get("detail") or body))
                found: Mapping[str, object] = body["answers"][0]
                return found

            yield answer


def alike(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether an answer has all that is wanted of it; numbers up to 1e-9 of their size."""
    return all(compare_plain(value, found.get(name)) in GOOD for name, value in wanted.items())


def _known(folder: Path) -> LiftAnswers:
    return msgspec.json.decode((folder / ANSWERS_FILE).read_bytes(), type=LiftAnswers)
