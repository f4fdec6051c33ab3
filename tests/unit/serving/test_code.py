"""Versions live beside each other in one process, each with modules of its own."""

from __future__ import annotations

import sys
from collections import OrderedDict

import pytest

from unshelve.errors import UserCodeFailed
from unshelve.serving.code import VersionCode


def version(number: int) -> VersionCode:
    files = {
        "solution.py": b"from helpers import tricks\nimport helpers.deep\n"
        b"class Kept:\n    number = NUMBER\n"
        b"def first(): return tricks.value()\n"
        b"def late():\n    from helpers.deep import depth\n    return depth\n".replace(b"NUMBER", str(number).encode()),
        "helpers/__init__.py": b"",
        "helpers/tricks.py": f"from .deep import depth\ndef value(): return {number} + depth\n".encode(),
        "helpers/deep.py": f"depth = {number * 10}\n".encode(),
    }
    return VersionCode(f"sol.model v{number}", files)


def test_two_versions_have_modules_of_their_own() -> None:
    one, two = version(1), version(2)
    assert (one.functions()["first"](), two.functions()["first"]()) == (11, 22)
    assert (one.functions()["late"](), two.functions()["late"]()) == (10, 20)


def test_nothing_of_a_version_is_left_where_others_look() -> None:
    version(3).functions()
    assert not {"helpers", "helpers.deep", "solution"} & set(sys.modules)


def test_a_pickled_object_finds_the_class_of_its_version() -> None:
    code = version(4)
    assert code.find_class("solution", "Kept").number == 4
    assert code.find_class("collections", "OrderedDict") is OrderedDict


def test_code_that_raises_when_loaded_is_named() -> None:
    broken = VersionCode("sol.model v5", {"solution.py": b"import missing_thing_xyz\n"})
    with pytest.raises(UserCodeFailed, match=r"sol\.model v5 failed when solution\.py was loaded"):
        broken.functions()
