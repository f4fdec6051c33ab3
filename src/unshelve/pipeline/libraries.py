"""Which distributions, in which version, stand behind imported modules. Reads metadata; imports none of them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from unshelve.ids import digest

_NAMED_OTHERWISE: Final = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "dateutil": "python-dateutil"}
"""Common modules whose distribution has another name, to spare the search through everything installed."""

_ALWAYS: Final = ("numpy", "pandas", "pyarrow", "unshelve")


def environment() -> dict[str, str]:
    """What every key holds besides code: Python, and the libraries that read and write tables for each step."""
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in _ALWAYS:
        version = _version(name)
        if version is not None:
            found[name] = version
    return found


def still_installed(libraries: Mapping[str, str]) -> bool:
    """Whether Python and all these libraries, as `environment` and `library_version` name them, are here unchanged."""
    here = environment()
    return all(version == (here.get(name) or _version_of(name)) for name, version in libraries.items())


@cache
def library_version(module: str) -> tuple[str, str] | None:
    """The distribution behind a top-level module and its version; None for the standard library and unshelve.

    A module that no distribution owns (a file on the path) counts by the digest of its file.
    """
    if module in sys.stdlib_module_names or module in ("unshelve", "__main__", ""):
        return None
    name = _NAMED_OTHERWISE.get(module, module)
    version = _version(name)
    if version is not None:
        return name, version
    for distribution in _owners().get(module, ()):
        version = _version(distribution)
        if version is not None:
            return distribution, version
    return _loose_file(module)


def _version_of(library: str) -> str | None:
    """The version of a distribution, or what stands for it where a module is a loose file."""
    version = _version(library)
    if version is not None:
        return version
    loose = _loose_file(library)
    return None if loose is None else loose[1]


@cache
def _owners() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _loose_file(module: str) -> tuple[str, str] | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return None
    return module, f"file {digest(Path(spec.origin).read_bytes())[:12]}"
