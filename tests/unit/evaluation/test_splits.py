from __future__ import annotations

import subprocess
import sys

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.splits import AtRandom, ByGroup, ByTime, at_random, by_group, by_time


def test_the_functions_give_values_with_a_quarter_for_the_test() -> None:
    assert at_random() == AtRandom(test=0.25, seed=0, stratify=True)
    assert by_time("t") == ByTime(column="t", test=0.25)
    assert by_group("g") == ByGroup(column="g", test=0.25, seed=0)


def test_a_first_moment_replaces_the_share() -> None:
    assert by_time("t", test_from="2013-07-01") == ByTime(column="t", test=None, test_from="2013-07-01")


@pytest.mark.parametrize(
    "value",
    [
        at_random(0.1, seed=3, stratify=False),
        by_time("t", test=0.5),
        by_time("t", test_from="2013-07-01", until="2014-01-01"),
        by_group("g", test=0.3, seed=1),
    ],
)
def test_a_repr_reads_like_the_call_that_made_the_value(value: object) -> None:
    assert eval(repr(value)) == value


def test_a_split_says_what_it_does() -> None:
    assert str(by_time("time_hour", test=0.125)) == "the last 12.5 % of the rows by time_hour"


@pytest.mark.parametrize("share", [0, 1, -0.1, 25, float("nan"), True, "half"])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(SolutionInvalid, match="between 0 and 1"):
        at_random(test=share)


def test_a_share_and_a_first_moment_together_are_refused() -> None:
    with pytest.raises(SolutionInvalid, match="not both"):
        by_time("t", test=0.2, test_from="2013-07-01")


@pytest.mark.parametrize("moment", ["yesterday", "01/07/2013", ""])
def test_a_moment_that_is_no_date_is_refused(moment: str) -> None:
    with pytest.raises(SolutionInvalid, match="ISO 8601"):
        by_time("t", test_from=moment)


def test_a_seed_and_a_column_must_be_what_they_are_called() -> None:
    with pytest.raises(SolutionInvalid, match="whole number"):
        at_random(seed=-1)
    with pytest.raises(SolutionInvalid, match="name of a column"):
        by_group("")


def test_naming_splits_gates_and_choices_loads_no_heavy_library() -> None:
    code = (
        "import sys; from unshelve import at_least, best, by_time; "
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'msgspec') if m in sys.modules], "
        "sorted(m for m in sys.modules if m.startswith('unshelve.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == (
        "[] ['unshelve.errors', 'unshelve.evaluation', 'unshelve.evaluation.choice', "
        "'unshelve.evaluation.gates', 'unshelve.evaluation.splits']"
    )
