"""What is dangerous happens in one place each: loading objects, fetching, unpacking, running text, starting shells.

A hole that is mended in one place and stays open in three is how others were broken into again and again. Each
exception below names its module and the reason why it is none.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import unshelve

SOURCE = Path(unshelve.__file__).parent


@dataclass(frozen=True)
class Rule:
    """Names that may be used in some modules only. A name ending in `.*` stands for all that is in a module."""

    names: frozenset[str]
    allowed: Mapping[str, str]
    """The module, and why it may."""

    def forbids(self, name: str) -> bool:
        return any(name == each or (each.endswith(".*") and (name + ".").startswith(each[:-1])) for each in self.names)


RULES = {
    "loading objects by running what their bytes say": Rule(
        frozenset(
            {
                "pickle.load",
                "pickle.loads",
                "pickle.Unpickler",
                "_pickle.*",
                "cloudpickle.*",
                "joblib.load",
                "dill.*",
                "marshal.*",
                "shelve.*",
                "jsonpickle.*",
                "pandas.read_pickle",
                "torch.load",
                "yaml.load",
                "yaml.unsafe_load",
            }
        ),
        {
            "security.loader": "the one place",
            "notebook.watch_process": "writes pickles of a notebook's values, and reads none",
        },
    ),
    "asking other machines": Rule(
        frozenset(
            {
                "httpx.*",
                "requests.*",
                "urllib.request.*",
                "urllib3.*",
                "http.client.*",
                "aiohttp.*",
                "ftplib.*",
                "smtplib.*",
                "obstore.*",
                "xmlrpc.*",
                "socket.create_connection",
                "asyncio.open_connection",
            }
        ),
        {
            "security.fetch": "the one place",
            "storage.objects": "asks the object store that a setting or a source names, at a checked address",
            "data.buckets": "reads files of the object store that a connection names, with the connection's own keys",
            "cli.connect": "asks control at its own socket in the home, or the application in this process",
            "serving.asker": "asks this server's own answer processes, at an address that the server itself gave them",
        },
    ),
    "opening archives": Rule(
        frozenset({"zipfile.*", "tarfile.*", "shutil.unpack_archive", "gzip.open", "bz2.open", "lzma.open"}),
        {
            "security.archives": "the one place",
            "data.formats": "a spreadsheet is a zip file; checks its size before it is read, and unpacks nothing",
            "data.scored": "copies the entries of a spreadsheet that data.formats has checked into another one",
        },
    ),
    "running text as code": Rule(
        frozenset({"exec", "eval", "compile", "runpy.*", "code.*", "importlib.util.spec_from_file_location"}),
        {
            "serving.code": "runs the source that is part of a version, after its signature was checked",
            "notebook.watch_process": "runs a notebook's statements within limits: that is what this process is for",
            "notebook.mending_frames": "looks up, in that process, a value that the failed statement had just computed",
        },
    ),
    "starting a shell": Rule(
        frozenset({"os.system", "os.popen", "os.spawnl", "os.execl", "subprocess.getoutput", "pty.spawn"}), {}
    ),
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported name and builtin that is used, in full and with its line.

    `from pickle import loads as l; l(x)` gives pickle.loads.
    """
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = _dotted(node)
            if first in known:
                yield node.lineno, ".".join([known[first], *rest])
            elif not rest and hasattr(builtins, first):
                yield node.lineno, first


def _dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return ["?"]


def offences(rule: Rule, module: str, tree: ast.AST) -> list[str]:
    if module in rule.allowed:
        return []
    return sorted({f"{module}:{line} uses {name}" for line, name in names_in(tree) if rule.forbids(name)})


@cache
def sources() -> list[tuple[str, ast.AST]]:
    return [(module_of(path), ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("what", RULES)
def test_it_happens_in_its_place_alone(what: str) -> None:
    assert [line for module, tree in sources() for line in offences(RULES[what], module, tree)] == []


@pytest.mark.parametrize("what", RULES)
def test_no_exception_is_kept_that_nobody_needs(what: str) -> None:
    rule, everything = RULES[what], dict(sources())
    bare = Rule(rule.names, {})
    assert [module for module in rule.allowed if not offences(bare, module, everything[module])] == []


def test_arrays_are_read_without_objects() -> None:
    """`numpy.load` unpickles unless it is told not to."""
    found = [
        f"{module}:{node.lineno}"
        for module, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ".".join(_dotted(node.func)) in {"np.load", "numpy.load"}
        and not any(
            word.arg == "allow_pickle" and isinstance(word.value, ast.Constant) and word.value.value is False
            for word in node.keywords
        )
    ]
    assert found == []


def test_no_process_is_started_through_a_shell() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and any(word.arg == "shell" and not _false(word.value) for word in node.keywords)
    ]
    assert found == []


def test_archives_are_never_unpacked_wholesale() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"extractall", "unpack_archive"}
    ]
    assert found == []


PLANTED = {
    "import pickle\npickle.loads(b'')": "loading objects by running what their bytes say",
    "from pickle import loads as harmless\nharmless(b'')": "loading objects by running what their bytes say",
    "import pickle as p\nclass A(p.Unpickler): ...": "loading objects by running what their bytes say",
    "def f():\n    import joblib\n    return joblib.load('x')": "loading objects by running what their bytes say",
    "import pandas as pd\npd.read_pickle('x')": "loading objects by running what their bytes say",
    "import urllib.request\nurllib.request.urlopen('x')": "asking other machines",
    "from urllib.request import urlopen": "asking other machines",
    "from urllib import request\nrequest.urlopen('x')": "asking other machines",
    "import httpx": "asking other machines",
    "import socket\nsocket.create_connection(('x', 1))": "asking other machines",
    "from zipfile import ZipFile": "opening archives",
    "import shutil\nshutil.unpack_archive('x')": "opening archives",
    "eval('1')": "running text as code",
    "import os\nos.system('x')": "starting a shell",
}


@pytest.mark.parametrize("code", PLANTED)
def test_what_is_planted_is_found(code: str) -> None:
    tree = ast.parse(code)
    assert [what for what, rule in RULES.items() if offences(rule, "web.planted", tree)] == [PLANTED[code]]


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\npickle.dumps(1)",
        "from urllib.parse import quote",
        "import socket\nsocket.socket()",
        "import re\nre.compile('x')",
        "import importlib\nimportlib.import_module('x')",
    ],
)
def test_what_is_harmless_is_left_alone(code: str) -> None:
    tree = ast.parse(code)
    assert [what for what, rule in RULES.items() if offences(rule, "web.planted", tree)] == []


def _false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False
