"""An author's measures are kept beside the platform's, whatever they are called."""

from __future__ import annotations

import pytest

from unshelve.solution.recording import own_name


@pytest.mark.parametrize(("name", "kept"), [("mine", "mine"), ("accuracy", "held.accuracy")])
def test_a_measure_called_like_another_one_is_kept_under_its_steps_name(name: str, kept: str) -> None:
    assert own_name("held", name, {"accuracy", "log_loss"}) == kept
