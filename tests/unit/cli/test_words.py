"""Commands that are named anywhere are there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from unshelve.cli.main import VERBS

ROOT = Path(__file__).parents[3]


def named() -> list[tuple[str, str, str]]:
    """Every `unshelve VERB WORD` in backticks: file, verb, word."""
    found = []
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("examples/*/*.md")]:
        text = path.read_text(encoding="utf-8")
        for verb, word in re.findall(r"`unshelve ([a-z]+)(?: ([a-z]+))?", text):
            found.append((str(path.relative_to(ROOT)), verb, word))
    return found


def test_every_command_that_is_named_is_there() -> None:
    assert [each for each in named() if each[1] not in VERBS] == []


def test_every_part_of_a_command_that_is_named_is_there() -> None:
    wrong = []
    for file, verb, word in named():
        commands = getattr(import_module(VERBS[verb][0]), "COMMANDS", None) if verb in VERBS else None
        if commands is not None and word and word not in commands:
            wrong.append((file, verb, word))
    assert wrong == []


def test_every_command_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"| `{verb} " not in page and f"| `{verb}`" not in page] == []
