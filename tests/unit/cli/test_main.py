"""The command line as a whole: help, unknown words, exit codes, and what it costs to start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import import_module

import pytest

from unshelve.cli.main import VERBS, main
from unshelve.errors import Refused

FRESH = """
import sys
from unshelve.cli.main import main
sys.argv = ["unshelve", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {"numpy", "pandas", "sklearn", "pyarrow", "sqlalchemy", "starlette", "httpx", "rich", "cryptography"}
sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
"""


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of a command that runs in this process."""
    monkeypatch.setattr(sys, "argv", ["unshelve", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_help_is_there_at_once_and_loads_nothing_heavy() -> None:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
        assert done.stderr == ""
        assert all(f"  {verb} " in done.stdout for verb in VERBS)
    assert min(seconds) <= 0.4


def test_help_says_each_verb_in_one_line() -> None:
    assert max(len(about) for _, about in VERBS.values()) <= 60


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_of_its_own(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, verb, "--help") == 0
    said = capsys.readouterr().out
    commands = getattr(import_module(VERBS[verb][0]), "COMMANDS", None)
    assert "--json" in said or all(name in said for name in commands or ["--json"])
    for name in commands or ():
        assert call(monkeypatch, verb, name, "-h") == 0
        assert "--json" in capsys.readouterr().out


def test_an_unknown_verb_is_wrong_usage_and_names_what_is_near(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "rolback") == 2
    assert "Did you mean rollback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("promote", "a.b"), ("key", "nothing"), ("run", "--nothing"), ("key", "create", "x", "--role", "god")]
)
def test_wrong_usage_exits_with_2(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *words) == 2
    said = capsys.readouterr()
    assert said.out == "" and "Usage: " in said.err


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("unshelve ")


def test_what_is_refused_exits_with_1_and_is_said_for_programs_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "new", "Not A Name", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "odd-solution-name"
    assert said.err.startswith("unshelve: 'Not A Name' cannot name a solution. Use small letters")


def test_a_mistake_in_unshelve_is_said_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(VERBS, "new", ("json", "A module without a command."))
    assert call(monkeypatch, "new", "x", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "unexpected"
    assert "Traceback" in said.err


def test_an_error_says_its_problems_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    from unshelve.cli.output import Output, report

    report(Refused("No.", near=["yes"], details={"problems": ["first", "second"]}), Output.PEOPLE)
    assert capsys.readouterr().err == "unshelve: No. Did you mean yes?\n  first\n  second\n"
