"""What is said of the files and addresses that a notebook names, without running it: N103, N104 and N106."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from unshelve.notebook.editing import calls, tail
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.numbered import remark
from unshelve.notebook.paths import NearbyFiles, base_name
from unshelve.notebook.rewriting import written_names
from unshelve.solution.origin import NotebookFinding

_NETWORK: Final = frozenset(
    {"requests", "urllib", "urllib3", "httpx", "wget", "gdown", "kaggle", "kagglehub", "opendatasets", "yfinance",
     "pandas_datareader", "datasets", "openml", "ucimlrepo", "boto3"}
)  # fmt: skip
"""Modules whose calls reach over the network."""
_QUIET: Final = frozenset({"quote", "unquote", "urlencode", "urlparse", "urljoin", "urlsplit", "quote_plus", "Session"})
_FETCHES: Final = re.compile(
    r"^(urlopen|urlretrieve|fetch_(openml|california_housing|20newsgroups\w*|covtype|kddcup99|lfw_\w+|olivetti_faces"
    r"|rcv1|species_distributions|ucirepo))$"
)
_DATA: Final = re.compile(r"\.(csv|tsv|txt|xlsx?|json|parquet|data|dat|pkl|zip|gz)$", re.IGNORECASE)
_NO_PATH: Final = re.compile(r"[*?|<>{}()^$\n]|\\\.\w")
"""Signs of patterns and of prose."""
_READS: Final = ("read_", "load", "open", "genfromtxt")


class FileRemarks:
    """Findings on the files of one notebook; the folder is looked through once, when the first file is missing."""

    def __init__(self, notebook: Notebook, beside: Path) -> None:
        self._notebook, self._beside = notebook, beside
        self._made: set[str] = set()
        self._online = frozenset(_online(notebook))

    @cached_property
    def _near(self) -> NearbyFiles:
        return NearbyFiles(self._beside)

    def all(self) -> Iterator[NotebookFinding]:
        for statement in self._notebook.statements:
            for node in ast.walk(statement.node):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from self._path(statement, node.value)
            for call in calls(statement.node):
                yield from self._call(statement, call)
            self._made.update(written_names(statement.node))

    def _call(self, statement: Statement, call: ast.Call) -> Iterator[NotebookFinding]:
        name, text = tail(call.func), ast.unparse(call.func)
        seaborn = name == "load_dataset" and text.partition(".")[0] in ("sns", "seaborn")
        if name in _QUIET or not (_FETCHES.match(name) or seaborn or text.partition(".")[0] in self._online):
            return
        repair = "Save what it brings beside the notebook, and read it from there."
        yield remark("N106", statement, f"{text}() reaches over the network.", repair)

    def _path(self, statement: Statement, text: str) -> Iterator[NotebookFinding]:
        if len(text) > 500 or not _DATA.search(text) or _NO_PATH.search(text):
            return
        if "://" in text:
            if any(
                tail(call.func).startswith(("read_", "load", "get", "urlretrieve")) for call in calls(statement.node)
            ):
                repair = "Save the file beside the notebook, and read it from there."
                yield remark("N106", statement, f"{text[:60]} is read over the network.", repair)
            return
        name = base_name(text)
        if name in self._made or name in set(written_names(statement.node)):
            return
        if "\\" in text or re.match(r"^([A-Za-z]:|/|~)", text):
            yield remark(
                "N103",
                statement,
                f"{text[:80]} is a path of one machine. {self._instead(text)}",
                f"Write {(self._near.meant(text) or name)!r}.",
            )
        elif any(tail(call.func).startswith(_READS) for call in calls(statement.node)) and not self._near.exists(text):
            repair = "Put the file beside the notebook."
            yield remark("N104", statement, f"{text[:80]} is not there. {self._instead(text)}", repair)

    def _instead(self, text: str) -> str:
        near = self._near.meant(text)
        if near is not None:
            return f"{near} is taken in its place."
        several = self._near.alike(text)
        if len(several) > 1:
            return f"{len(several)} files have that name, and differ: {', '.join(several[:3])}."
        return "No file of that name is beside the notebook."


def _online(notebook: Notebook) -> Iterator[str]:
    """The names under which modules of the network were imported, and functions of them."""
    for statement in notebook.statements:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Import):
                yield from (_bound(alias) for alias in node.names if _is_online(alias.name))
            elif isinstance(node, ast.ImportFrom) and _is_online(node.module or ""):
                yield from (_bound(alias) for alias in node.names if alias.name[:1].islower())


def _bound(alias: ast.alias) -> str:
    return (alias.asname or alias.name).split(".")[0]


def _is_online(module: str) -> bool:
    return module.split(".")[0] in _NETWORK or module.startswith("google.colab")
