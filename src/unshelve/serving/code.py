"""The code of a version, loaded beside other versions' in one process.

Two versions of a solution have modules of the same names. Each version therefore gets its own: its modules are
built from the bytes in its package, known to Python under a name that no other version has, and its `import`
statements look among its own modules first, also those inside functions that run later.
"""

from __future__ import annotations

import builtins
import importlib.util
import itertools
import linecache
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

from unshelve.errors import Damaged, UserCodeFailed

ENTRY_MODULE = "solution"
_NUMBERS = itertools.count(1)


class VersionCode:
    """The modules of one version, built on first import from `files` (path in the solution folder -> source)."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self._name = name
        self._prefix = f"unshelve_version_{next(_NUMBERS)}"
        self._sources = {_module_name(path): (path, source) for path, source in files.items() if path.endswith(".py")}
        self._packages = {parent for module in self._sources for parent in _parents(module)}
        self._packages |= {module for module, (path, _) in self._sources.items() if path.endswith("__init__.py")}
        self._modules: dict[str, ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def __repr__(self) -> str:
        return f"VersionCode({self._name!r}, {sorted(self._sources)})"

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions of the solution file by name."""
        module = self.module(ENTRY_MODULE)
        return {name: value for name, value in vars(module).items() if callable(value)}

    def module(self, name: str) -> ModuleType:
        """A module of the version, executed once; UserCodeFailed when its own code raises."""
        known = self._modules.get(name)
        if known is not None:
            return known
        if name not in self._sources and name not in self._packages:
            raise Damaged(f"{self._name} has no module {name!r} in its package.")
        module = ModuleType(f"{self._prefix}.{name}")
        module.__dict__["__builtins__"] = self._builtins
        if name in self._packages:
            module.__path__ = []
        package = name if name in self._packages else name.rpartition(".")[0]
        module.__package__ = f"{self._prefix}.{package}" if package else self._prefix
        self._modules[name] = module
        sys.modules[module.__name__] = module  # dataclasses and typing look their class's module up there
        if name in self._sources:
            self._execute(module, *self._sources[name])
        return module

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle of the version's state names: in its own modules first, else in an installed one."""
        own = module in self._sources or module in self._packages
        value: Any = self.module(module) if own else import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
        return value

    def loaded(self) -> dict[str, ModuleType]:
        """The modules that were executed so far, by name."""
        return dict(self._modules)

    def forget(self) -> None:
        """Take the modules out of Python's table. Functions that somebody still holds go on working."""
        for module in self._modules.values():
            sys.modules.pop(module.__name__, None)
            linecache.cache.pop(str(getattr(module, "__file__", "")), None)

    def _execute(self, module: ModuleType, path: str, source: bytes) -> None:
        label = f"<{self._name}>/{path}"
        module.__file__ = label
        try:
            text = importlib.util.decode_source(source)
            linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
            exec(compile(source, label, "exec"), module.__dict__)  # noqa: S102  the version's own, verified code
        except Exception as error:
            del self._modules[module.__name__.removeprefix(f"{self._prefix}.")]
            del sys.modules[module.__name__]
            raise UserCodeFailed(
                f"The code of {self._name} failed when {path} was loaded: {type(error).__name__}: {error}",
                code="version-code-failed",
            ) from error

    def _import(
        self,
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> ModuleType:
        full = name
        if level:
            package = str((globals_ or {}).get("__package__") or "").removeprefix(self._prefix).removeprefix(".")
            base = package.split(".")[: len(package.split(".")) - level + 1]
            full = ".".join([*base, name]) if name else ".".join(base)
        if full not in self._sources and full not in self._packages:
            return builtins.__import__(name, globals_, locals_, fromlist or (), level)
        module = self._chain(full)
        for wanted in fromlist or ():
            child = f"{full}.{wanted}"
            if not hasattr(module, wanted) and (child in self._sources or child in self._packages):
                setattr(module, wanted, self.module(child))
        return module if fromlist else self._modules[full.partition(".")[0]]

    def _chain(self, full: str) -> ModuleType:
        module = self.module(full.partition(".")[0])
        for parent in [*_parents(full), full][1:]:
            child = self.module(parent)
            setattr(module, parent.rpartition(".")[2], child)
            module = child
        return module


def _module_name(path: str) -> str:
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
