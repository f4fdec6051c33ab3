"""The tests that a lifted solution brings for the person who takes it over: `test_solution.py`."""

from __future__ import annotations

from typing import Final

from unshelve.solution.origin import LiftAnswers

TEST_FILE: Final = "test_solution.py"

_HEAD: Final = '''\
"""Tests of this solution: run `pytest` here. `answers.json` holds a few rows, and their answers at the last lift."""

from pathlib import Path
{imports}
FOLDER = Path(__file__).parent


def test_nothing_stands_against_the_solution():
    assert errors(FOLDER) == []
'''
_PLAIN: Final = "\nfrom unshelve.testing.solutions import errors\n"
_ASKING: Final = "\nimport pytest\n\nfrom unshelve.testing.solutions import alike, errors, examples, trained\n"
_FIXTURE: Final = """

@pytest.fixture(scope="module")
def ask():
    with trained(FOLDER) as asked:
        yield asked


@pytest.mark.parametrize("example", examples(FOLDER))
"""
_SAME: Final = """def test_a_row_is_answered_as_it_was_when_lifted(ask, example):
    assert alike(ask(example.row), example.answer)
"""
_ANY: Final = """def test_a_row_is_answered(ask, example):  # with what, chance decides: the notebook is not seeded
    assert set(ask(example.row)) >= set(example.answer)
"""


def tests_for(answers: LiftAnswers | None) -> str:
    """The text of the file; without rows where none are kept whole."""
    if answers is None or not answers.examples:
        return _HEAD.format(imports=_PLAIN)
    return _HEAD.format(imports=_ASKING) + _FIXTURE + (_SAME if answers.repeatable else _ANY)
