"""From a data scientist's functions to a running, signed-in, monitored AI solution.

The names offered here are what a solution file is written in; they are resolved on first use, so that
`import unshelve` costs next to nothing. `docs/` explains the words.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unshelve.data.checks import column as column
    from unshelve.data.checks import fresh as fresh
    from unshelve.data.checks import key as key
    from unshelve.data.checks import refers_to as refers_to
    from unshelve.data.checks import row_count as row_count
    from unshelve.data.checks import unique as unique
    from unshelve.data.dataset import Dataset as Dataset
    from unshelve.data.frozen import appearances as appearances
    from unshelve.data.frozen import as_categories as as_categories
    from unshelve.data.frozen import categories as categories
    from unshelve.data.frozen import codes as codes
    from unshelve.data.frozen import prepared_table as prepared_table
    from unshelve.data.target import to_files as to_files
    from unshelve.data.target import to_table as to_table
    from unshelve.evaluation.choice import best as best
    from unshelve.evaluation.gates import at_least as at_least
    from unshelve.evaluation.gates import at_most as at_most
    from unshelve.evaluation.gates import beats_champion as beats_champion
    from unshelve.evaluation.gates import custom_gate as custom_gate
    from unshelve.evaluation.gates import max_latency as max_latency
    from unshelve.evaluation.gates import max_size as max_size
    from unshelve.evaluation.gates import worth_at_least as worth_at_least
    from unshelve.evaluation.splits import at_random as at_random
    from unshelve.evaluation.splits import by_group as by_group
    from unshelve.evaluation.splits import by_time as by_time
    from unshelve.pipeline.declared import by_cursor as by_cursor
    from unshelve.pipeline.declared import by_link as by_link
    from unshelve.pipeline.declared import by_page as by_page
    from unshelve.pipeline.declared import files as files
    from unshelve.pipeline.declared import http as http
    from unshelve.pipeline.declared import objects as objects
    from unshelve.pipeline.declared import sql as sql
    from unshelve.pipeline.step import answer as answer
    from unshelve.pipeline.step import chart as chart
    from unshelve.pipeline.step import endpoint as endpoint
    from unshelve.pipeline.step import expect as expect
    from unshelve.pipeline.step import fit as fit
    from unshelve.pipeline.step import keep as keep
    from unshelve.pipeline.step import metric as metric
    from unshelve.pipeline.step import model as model
    from unshelve.pipeline.step import sink as sink
    from unshelve.pipeline.step import source as source
    from unshelve.pipeline.step import split as split
    from unshelve.pipeline.step import step as step
    from unshelve.pipeline.step import target as target
    from unshelve.pipeline.step import transform as transform
    from unshelve.pipeline.step import worth as worth
    from unshelve.security.secrets import secret as secret

__version__ = "0.1.0"

_HOME_OF = {
    "unshelve.pipeline.step": (
        "source", "keep", "transform", "target", "split", "fit", "model", "answer", "metric",
        "expect", "chart", "worth", "endpoint", "sink", "step",
    ),
    "unshelve.pipeline.declared": ("sql", "files", "objects", "http", "by_link", "by_page", "by_cursor"),
    "unshelve.evaluation.splits": ("by_time", "by_group", "at_random"),
    "unshelve.evaluation.gates": (
        "at_least", "at_most", "beats_champion", "worth_at_least", "max_latency", "max_size", "custom_gate",
    ),
    "unshelve.evaluation.choice": ("best",),
    "unshelve.data.checks": ("column", "key", "unique", "refers_to", "fresh", "row_count"),
    "unshelve.data.dataset": ("Dataset",),
    "unshelve.data.frozen": ("categories", "as_categories", "appearances", "codes", "prepared_table"),
    "unshelve.data.target": ("to_table", "to_files"),
    "unshelve.security.secrets": ("secret",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME_OF.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"unshelve has no name {name!r}; it offers {', '.join(__all__)}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
