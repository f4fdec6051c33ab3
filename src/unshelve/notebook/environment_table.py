"""Reads `environments.toml`: which packages may be installed for a notebook, and sets of older versions."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources

import msgspec


class Known(msgspec.Struct, frozen=True, kw_only=True):
    modules: tuple[str, ...]


class VersionSet(msgspec.Struct, frozen=True, kw_only=True):
    """Versions that go together, the newest of their time that unshelve runs with."""

    until: str
    """The last month of which they were the newest: "2022-12"."""
    pythons: tuple[str, ...]
    pins: Mapping[str, str]
    """Installed as a whole: distribution -> version."""
    beside: Mapping[str, str]
    """Installed in these versions where the notebook imports them."""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What an error says of versions: with this text in it, the package must be older than `below`."""

    error: str
    package: str
    below: str
    why: str


class EnvironmentTable(msgspec.Struct, frozen=True, kw_only=True):
    known: Known
    sets: tuple[VersionSet, ...]
    gone: tuple[Gone, ...]


@functools.cache
def environment_table() -> EnvironmentTable:
    """The table, read once."""
    text = resources.files("unshelve.notebook").joinpath("environments.toml").read_text()
    return msgspec.convert(tomllib.loads(text), type=EnvironmentTable)


def is_older(version: str, below: str) -> bool:
    """Whether a version of numbers, such as "1.1.3", is older than another; "*" stands for any."""
    one, other = _numbers(version), _numbers(below)
    length = max(len(one), len(other))
    return (one + [0] * length)[:length] < (other + [0] * length)[:length]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
