"""Reads `effects.toml`: what calls of methods and functions do besides giving a value."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal

import msgspec

Names = frozenset[str]
MethodEffect = Literal["certain", "changes", "pure", "unknown"]


class Methods(msgspec.Struct, frozen=True, kw_only=True):
    certain: Names
    changes: Names
    changes_tables: Names
    pure: Names
    gives_receiver: Names
    gives_contents: Names
    draws: Names
    random: Names
    saves: Names
    reads: Names


class Functions(msgspec.Struct, frozen=True, kw_only=True):
    changes_first: Names
    everything: Names
    pure: Names
    holds: Names
    views: Names
    open_holders: Names


class Randomness(msgspec.Struct, frozen=True, kw_only=True):
    functions: Names
    estimators: Names
    when: Mapping[str, tuple[str, ...]]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    modules: Names
    opens: Names
    closes: Names
    looks_at: Names
    pure: Names
    functions: Names


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    figure: Names
    looks: Names
    computing: Names
    imports: Names
    folder: Names
    environment: Names
    computing_options: tuple[str, ...]
    registers: Names


class Files(msgspec.Struct, frozen=True, kw_only=True):
    reads: Names
    writes: Mapping[str, int]


class EffectTable(msgspec.Struct, frozen=True, kw_only=True):
    """The whole table. Functions are asked for by full name ("numpy.random.shuffle"), builtins by their own."""

    methods: Methods
    functions: Functions
    random: Randomness
    figure: Figures
    settings: Settings
    files: Files

    def of_method(self, name: str, kind: str | None) -> MethodEffect:
        """What a method does to its receiver: a "frame", "array", "list" (also dicts and sets), "const", or unknown."""
        methods = self.methods
        if name in methods.certain:
            return "certain"
        if kind == "const":
            return "pure"
        if kind == "frame":
            return "changes" if name in methods.changes_tables else "pure"
        if name in methods.changes:
            return "changes"
        if name in methods.pure or name in methods.saves or kind == "array":
            return "pure"
        return "unknown"

    def is_known(self, function: str) -> bool:
        """Whether a function is known to change nothing."""
        return matches(function, self.functions.pure)

    def setting(self, dotted: str, option: str) -> str | None:
        """The special name that a call or a write touches, where it sets something for all that follows."""
        settings = self.settings
        computes = any(part in f"{dotted} {option}" for part in settings.computing_options)
        for kind in ("figure", "computing", "imports", "folder", "environment", "looks"):
            if matches(dotted, getattr(settings, kind)):
                return "settings:computing" if kind == "looks" and computes else f"settings:{kind}"
        return None

    def draws(self, figure_function: str) -> bool:
        """Whether a function draws on the current figure."""
        figure = self.figure
        module, _, last = figure_function.rpartition(".")
        if figure_function in figure.pure:
            return False
        return module in figure.modules or module.split(".")[0] in figure.modules or last in figure.functions


@functools.lru_cache(maxsize=4096)
def matches(name: str, patterns: Names) -> bool:
    """Whether a full name is one of some, or lies under one that ends in ".*" or begins as one that ends in "*"."""
    if name in patterns:
        return True
    parts = name.split(".")
    if any(".".join([*parts[:place], "*"]) in patterns for place in range(1, len(parts))):
        return True
    return any(each.endswith("_*") and name.startswith(each[:-1]) for each in patterns)


@functools.cache
def effect_table() -> EffectTable:
    """The table, read once."""
    text = resources.files("unshelve.notebook").joinpath("effects.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), type=EffectTable)
