"""Notebooks that are lifted again while their home is served: what is begun, what is told, what is left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from databases import settle
from unshelve.cli.lifting_again import LiftsAgain
from unshelve.errors import Conflict
from unshelve.registry.runs import runs_of
from unshelve.registry.solutions import put_solution
from unshelve.security.actors import LOCAL
from unshelve.security.audit import entries
from unshelve.solution.control import Control
from unshelve.solution.runner import Runner

LONGEST = 30.0


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(settle(tmp_path / "home")) as opened:
        with opened.database.write() as connection:
            put_solution(
                connection,
                name="trains",
                title="Trains",
                description="",
                folder=str(tmp_path / "trains"),
                declaration="{}",
                findings=[],
                now="2026-03-14T15:09:26+00:00",
            )
        yield opened


def lifts(control: Control, folder: Path, body: str) -> LiftsAgain:
    """What lifts by a program with this body; `say` gives its result."""
    program = folder / "lift.py"
    head = "import json, signal, sys\ndef say(value): print(json.dumps(value))\n"
    program.write_text(f"{head}open({str(folder / 'asked.json')!r}, 'w').write(json.dumps(sys.argv[1:]))\n{body}\n")
    return LiftsAgain(control, Runner(control, lambda _event: None), [sys.executable, str(program)])


def queued(control: Control) -> list[Any]:
    with control.database.read() as connection:
        return [(run.cause, run.actor) for run in runs_of(connection, "trains", limit=9)]


def test_a_proven_lift_is_taken_over_by_a_run_and_who_began_it_is_kept(control: Control, tmp_path: Path) -> None:
    again = lifts(control, tmp_path, "say({'outcome': 'proven'})")
    again.start("trains", tmp_path / "late.ipynb", keep="mine", actor=LOCAL)
    again.wait(LONGEST)
    state = again.state("trains")
    assert state is not None and (state.failed, state.said) == (False, "It is proven, and in its place.")
    assert state.run and queued(control) == [("local lifted late.ipynb again", LOCAL.id)]
    assert json.loads((tmp_path / "asked.json").read_text()) == [
        str(tmp_path / "late.ipynb"), "-o", str(tmp_path / "trains"), "--only-proven", "--no-install", "--json",
        "--keep", "mine",
    ]  # fmt: skip
    with control.database.read() as connection:
        assert "lift again" in [each.action for each in entries(connection)]


@pytest.mark.parametrize(
    ("body", "said", "conflict", "problems"),
    [
        (
            "say({'error': {'code': 'lift-merge-conflict', 'message': 'Both.', 'details': {'problems': ['a', 'b']}}})",
            "Both.",
            True,
            ("a", "b"),
        ),
        ("say({'outcome': 'refused', 'reason': 'Not equal: X.'}); sys.exit(1)", "Not equal: X.", False, ()),
        ("sys.exit(7)", "The process that lifts ended with 7.", False, ()),
        ("print('no json')", "The lift failed inside unshelve: DecodeError.", False, ()),
    ],
)
def test_what_is_not_proven_is_told_and_nothing_is_run(
    control: Control, tmp_path: Path, body: str, said: str, conflict: bool, problems: tuple[str, ...]
) -> None:
    again = lifts(control, tmp_path, body)
    again.start("trains", tmp_path / "late.ipynb", keep=None, actor=LOCAL)
    again.wait(LONGEST)
    state = again.state("trains")
    assert state is not None
    assert (state.said, state.failed, state.conflict, state.problems) == (said, True, conflict, problems)
    assert queued(control) == []


def test_one_is_lifted_at_a_time_and_closing_ends_it(control: Control, tmp_path: Path) -> None:
    again = lifts(control, tmp_path, "print('  Running the notebook', file=sys.stderr, flush=True); signal.pause()")
    again.start("trains", tmp_path / "late.ipynb", keep=None, actor=LOCAL)
    with pytest.raises(Conflict, match="The notebook of trains is being lifted"):
        again.start("trains", tmp_path / "late.ipynb", keep=None, actor=LOCAL)
    again.close()
    state = again.state("trains")
    assert state is not None and not state.going_on
    assert queued(control) == []


def test_nothing_is_lifted_while_a_run_reads_the_folder(control: Control, tmp_path: Path) -> None:
    again = lifts(control, tmp_path, "say({'outcome': 'proven'})")
    again.start("trains", tmp_path / "late.ipynb", keep=None, actor=LOCAL)
    again.wait(LONGEST)
    with pytest.raises(Conflict, match="Run 1 of trains reads the folder"):
        again.start("trains", tmp_path / "late.ipynb", keep=None, actor=LOCAL)
    assert again.state("missing") is None
