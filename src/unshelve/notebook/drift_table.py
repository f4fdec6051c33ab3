"""Reads `repairs.toml`: what libraries renamed, moved or dropped."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources

import msgspec


class ValueDrift(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a parameter that has another name today."""

    keyword: str
    of: tuple[str, ...]
    old: str
    new: str
    since: str = ""
    """The first scikit-learn that takes the new one; "" where all do that unshelve runs with."""


class KeywordDrift(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that has another name today, or none."""

    old: str
    of: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    new: str | None = None
    value: str | None = None


class Names(msgspec.Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]


class DriftTable(msgspec.Struct, frozen=True, kw_only=True):
    modules: Mapping[str, str]
    numpy: Mapping[str, str]
    displays: Mapping[str, str]
    attributes: Mapping[str, str]
    values: tuple[ValueDrift, ...]
    keywords: tuple[KeywordDrift, ...]
    dropped: Names
    packages: Mapping[str, str]

    def package(self, module: str) -> str:
        """The distribution that brings a module."""
        top = module.split(".")[0]
        return self.packages.get(top, top.replace("_", "-"))


@functools.cache
def drift_table() -> DriftTable:
    """The table, read once."""
    text = resources.files("unshelve.notebook").joinpath("repairs.toml").read_text()
    return msgspec.convert(tomllib.loads(text), type=DriftTable)
