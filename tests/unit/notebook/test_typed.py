"""What was typed when a notebook was saved stands in the place of `input()`, where it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.repairs import repair
from unshelve.notebook.watching import watch, watch_repaired


def asking(source: str, outputs: Sequence[str], tmp_path: Path, typed: Sequence[str] = ()) -> Notebook:
    made = notebook_of(source, folder=tmp_path)
    return replace(made, cells=(replace(made.cells[0], outputs=(*outputs, *typed), typed=tuple(typed)),))


@pytest.mark.parametrize(
    ("before", "saved", "after"),
    [
        ("k = int(input('Enter k:'))", "Enter k: 5\n", "k = 5"),
        ("r = eval(input('Ratio (0-1)?'))", "loaded\nRatio (0-1)?  0.2\n", "r = 0.2"),
        ("x = float(input('x:'))", "x: nan", "x = float('nan')"),
        ("name = input('Who?')", "Who? Ann's", 'name = "Ann\'s"'),
        ("a = input('two: ').split()", "two: 3 4", "a = '3 4'.split()"),
        ("k = input('Below\\n')", "Below\n7\n", "k = '7'"),
        ("k = input(f'{n} rows, k:')", "12 rows, k: 4", "k = '4'"),
        ("if input('more? ') == 'y':\n    k = 2", "more? y", "if 'y' == 'y':\n    k = 2"),
        ("int = str\nk = int(input('k:'))", "k: 5", "k = int('5')"),
    ],
)
def test_the_value_is_written_where_it_was_asked(before: str, saved: str, after: str, tmp_path: Path) -> None:
    repaired = repair(asking(before, [saved], tmp_path), tmp_path)
    assert repaired.notebook.statements[-1].source == after
    assert [each.number for each in repaired.findings] == ["N221"]


@pytest.mark.parametrize(
    ("source", "saved"),
    [
        ("k = input('k:')", "another text"),
        ("for i in range(2):\n    k = input('k:')", "k: 1\nk: 2"),
        ("ask = lambda: input('k:')", "k: 1"),
        ("def input(prompt):\n    return 1\nk = input('k:')", "k: 1"),
        ("k = input('k:' + str(n))", "k:1 1"),
        ("key = input('Your API key: ')", "Your API key: abcdef-123456"),
        ("password = input('?')", "? abcdef-123456"),
        ("k = input()", "5"),
    ],
)
def test_what_is_not_certain_or_secret_is_left_as_it_is(source: str, saved: str, tmp_path: Path) -> None:
    notebook = asking(source, [saved], tmp_path)
    repaired = repair(notebook, tmp_path)
    assert [each.source for each in repaired.notebook.statements] == [each.source for each in notebook.statements]


def test_without_a_prompt_the_lines_count_that_are_said_to_be_typed(tmp_path: Path) -> None:
    repaired = repair(asking("k = int(input())", ["3 rows"], tmp_path, typed=[" 5\n"]), tmp_path)
    assert repaired.notebook.statements[-1].source == "k = 5"


def test_answers_are_taken_in_turn_and_a_loop_gets_those_that_are_left(tmp_path: Path) -> None:
    source = "n = int(input('v:'))\nfound = [input('v:') for _ in range(n)]\nm = input('v:')\nprint(found, m)"
    repaired, seen = watch_repaired(asking(source, ["v: 2\nv: a\nv: b\nv: c"], tmp_path), tmp_path)
    assert repaired.texts == {0: "n = 2"}
    assert seen.statements[3].printed == "['a', 'b'] c\n"


def test_a_function_that_asks_leaves_open_who_gets_the_next_answer(tmp_path: Path) -> None:
    made = notebook_of("def ask():\n    return input('v:')", "a = ask()\nb = ask()\nprint(a, b)", folder=tmp_path)
    made = replace(made, cells=(made.cells[0], replace(made.cells[1], outputs=("v: 1\nv: 2",))))
    repaired = repair(made, tmp_path)
    assert repaired.texts == {}
    assert watch(repaired.notebook, folder=tmp_path).statements[3].printed == "1 2\n"


def test_a_password_that_was_typed_is_not_typed_again(tmp_path: Path) -> None:
    notebook = asking(
        "word = input('Password:')\nprint(len(word))\nrows = word.split()", ["Password: hunter2-very"], tmp_path
    )
    seen = watch(repair(notebook, tmp_path).notebook, folder=tmp_path)
    assert "the notebook asks a person: 'Password:'" in str(seen.ended)
