from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from unshelve.pipeline.cache import Key, changes, key_of, sentence
from unshelve.pipeline.task import Task

TASK = Task(
    name="features",
    function="features",
    inputs={"flown": "flown"},
    parameters={"arguments": {"rate": 0.1, "names": ["a"]}, "bind": {}},
    code={"function features in solution.py": "aa", "constant LIMIT in solution.py": "bb"},
    libraries={"pandas": "3.0.1"},
)
INPUTS = {"flown": "table:1234"}


def key(task: Task = TASK, inputs: dict[str, str] = INPUTS, **environment: str) -> Key:
    return key_of(task, inputs, solution="flights", environment={"python": "3.11", **environment})


def difference(after: Key) -> list[str]:
    before: dict[str, Any] = json.loads(key().parts)
    return changes(before, json.loads(after.parts))


def test_equal_parts_give_equal_keys_in_any_order() -> None:
    turned = replace(TASK, code=dict(reversed(list(TASK.code.items()))))
    assert key(turned) == key()


def test_limits_and_labels_are_no_part_of_a_key() -> None:
    assert key(replace(TASK, retries=3, timeout_seconds=5.0, label="Features", kind="transform", group="x")) == key()


def with_code(**code: str) -> Key:
    labels = {name.replace("_", " ", 1) + " in solution.py": value for name, value in code.items()}
    return key(replace(TASK, code=labels))


def with_parameters(**arguments: object) -> Key:
    return key(replace(TASK, parameters={"arguments": arguments, "bind": {}}))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (with_code(function_features="aa", constant_LIMIT="cc"), "code changed: constant LIMIT in solution.py"),
        (with_code(function_features="aa"), "code no longer reached: constant LIMIT in solution.py"),
        (
            with_code(function_features="aa", constant_LIMIT="bb", function_g="dd"),
            "code reached now: function g in solution.py",
        ),
        (with_parameters(rate=0.2, names=["a"]), "parameter rate 0.1 -> 0.2"),
        (with_parameters(rate=0.1, names=["b"]), 'parameter names ["a"] -> ["b"]'),
        (with_parameters(rate=0.1, x=1), "parameter x = 1 is new; parameter names is gone"),
        (key(replace(TASK, parameters={**TASK.parameters, "bind": {"x": 1}})), "parameter bind.x = 1 is new"),
        (key(inputs={"flown": "table:5678"}), "input flown changed"),
        (key(inputs={"other": "table:5678"}), "input other is new; input flown is gone"),
        (key(replace(TASK, libraries={"pandas": "3.1.0"})), "pandas 3.0.1 -> 3.1.0"),
        (key(replace(TASK, libraries={})), "pandas is no longer used"),
        (key(numpy="2.4"), "numpy 2.4 is used now"),
        (key(replace(TASK, operation="train")), "the kind of work changed"),
    ],
)
def test_what_changed_is_named(after: Key, said: str) -> None:
    assert after.digest != key().digest
    assert sentence(difference(after)) == said


def test_integers_and_floats_are_different_parameters() -> None:
    one = replace(TASK, parameters={"rate": 1})
    other = replace(TASK, parameters={"rate": 1.0})
    assert key(one).digest != key(other).digest


def test_a_long_list_of_changes_is_cut() -> None:
    assert sentence(list("abcdef")) == "a; b; c; d; 2 more"


def test_a_name_is_part_of_the_key() -> None:
    assert key(replace(TASK, name="other")).digest != key().digest
