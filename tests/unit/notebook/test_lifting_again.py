"""A folder that was lifted before: what people put and changed there is taken over, or stands against the lift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from unshelve.errors import Conflict
from unshelve.ids import digest
from unshelve.notebook.differing import changes_since, told
from unshelve.notebook.kept_answers import answers_before
from unshelve.notebook.lifting_again import Before, before_in, held, placed, take_over
from unshelve.notebook.proving import Proven
from unshelve.solution.files import SOLUTION_FILE, code_files
from unshelve.solution.origin import (
    AnsweredRow,
    AnswersBefore,
    Lift,
    LiftAnswers,
    LiftChanges,
    LiftedStep,
    MetricBefore,
    ProvenValue,
    Verdict,
)

NOTEBOOK = Path("people.ipynb")
TEXT = '''import pandas as pd

from unshelve import source

ROWS = 10


@source
def people():
    """The rows."""
    return pd.DataFrame({"age": range(ROWS)})
'''
STEP = LiftedStep(name="people", kind="source", first_line=8, last_line=11, statements=(2,))
LIFT = Lift(
    notebook="people.ipynb", digest="0" * 64, model="leaves", entry="raw", entry_reason=None, cells=(), statements=(),
    steps=(STEP,), findings=(), written=TEXT,
)  # fmt: skip


def lifted(folder: Path, text: str = TEXT, lift: Lift = LIFT) -> Path:
    """A folder as an earlier lift left it, with another text since."""
    folder.mkdir()
    (folder / "lift.json").write_bytes(msgspec.json.encode(lift))
    (folder / SOLUTION_FILE).write_bytes(text.encode())
    return folder


def made(folder: Path, text: str = TEXT) -> Path:
    """A folder with what the lift writes now."""
    folder.mkdir(parents=True)
    (folder / SOLUTION_FILE).write_text(text)
    return folder


def before(folder: Path) -> Before:
    found = before_in(folder, NOTEBOOK, None)
    assert found is not None
    return found


def test_where_nothing_lies_nothing_was_before(tmp_path: Path) -> None:
    assert before_in(tmp_path, NOTEBOOK, None) is before_in(tmp_path / "none", NOTEBOOK, None) is None


def test_code_that_people_edited_stays_byte_for_byte_with_the_files_that_they_added(tmp_path: Path) -> None:
    text = TEXT.replace("ROWS = 10", "ROWS = 12").replace("\n", "\r\n")
    folder = lifted(tmp_path / "people", text)
    (folder / "NOTES.md").write_text("mine")
    found = take_over(before(folder), made(tmp_path / "form" / "people"), (STEP,))
    assert (found.trouble, found.edited, found.text) == (None, ("ROWS",), text)
    assert {each.name for each in found.place.iterdir()} == {SOLUTION_FILE, "NOTES.md"}
    assert (folder / SOLUTION_FILE).read_bytes() == text.encode()


def test_a_conflict_names_the_units_and_shows_both(tmp_path: Path) -> None:
    folder = lifted(tmp_path / "people", TEXT.replace("ROWS = 10", "ROWS = 12"))
    found = take_over(before(folder), made(tmp_path / "form" / "people", TEXT.replace("= 10", "= 20")), (STEP,))
    assert found.trouble is not None and found.trouble.subject_code == "lift-merge-conflict"
    assert found.trouble.details["units"] == ["ROWS"]
    assert "--keep mine" in str(found.trouble) and "Nothing was written." in str(found.trouble)
    assert "    ROWS = 12" in found.trouble.details["problems"]  # type: ignore[operator]
    chosen = take_over(replace(before(folder), keep="mine"), made(tmp_path / "two" / "people", TEXT + "\n"), (STEP,))
    assert chosen.trouble is None and "ROWS = 12" in chosen.text


@pytest.mark.parametrize("edit", [("ROWS = 10", "ROWS = undefined"), ("def people()", "def people(rows)")])
def test_edited_code_that_cannot_be_run_stands_against_it(tmp_path: Path, edit: tuple[str, str]) -> None:
    folder = lifted(tmp_path / "people", TEXT.replace(*edit))
    found = take_over(before(folder), made(tmp_path / "form" / "people"), (STEP,))
    assert found.trouble is not None and found.trouble.subject_code == "lift-merge-broken"


def test_a_module_that_people_edited_stays_and_is_a_conflict_once_the_author_edits_it_too(tmp_path: Path) -> None:
    folder = lifted(tmp_path / "people", lift=msgspec.structs.replace(LIFT, files={"own.py": digest(b"x = 1\n")}))
    (folder / "own.py").write_text("x = 2\n")
    form = made(tmp_path / "form" / "people")
    (form / "own.py").write_text("x = 1\n")
    found = take_over(before(folder), form, (STEP,))
    assert (found.trouble, found.edited, found.kept) == (None, ("own.py",), frozenset({"own.py"}))
    assert (found.place / "own.py").read_text() == "x = 2\n"
    other = made(tmp_path / "other" / "people")
    (other / "own.py").write_text("x = 3\n")
    found = take_over(before(folder), other, (STEP,))
    assert found.trouble is not None and found.trouble.details["units"] == ["own.py"]


@pytest.mark.parametrize(
    ("text", "lift", "code"),
    [
        ("def f(:\n", LIFT, "lift-merge-unreadable"),
        (TEXT, msgspec.structs.replace(LIFT, notebook="other.ipynb"), "lift-folder-taken"),
        (TEXT, msgspec.structs.replace(LIFT, written="", code="1" * 64), "lift-folder-edited"),
    ],
)
def test_a_folder_that_cannot_be_merged_into_is_refused_at_once(
    tmp_path: Path, text: str, lift: Lift, code: str
) -> None:
    with pytest.raises(Conflict) as caught:
        before(lifted(tmp_path / "people", text, lift))
    assert caught.value.subject_code == code


def test_a_lift_from_before_merges_were_known_is_written_over_where_nobody_edited_it(tmp_path: Path) -> None:
    folder = lifted(tmp_path / "people")
    (folder / "lift.json").write_bytes(
        msgspec.json.encode(msgspec.structs.replace(LIFT, written="", code=code_files(folder)[1]))
    )
    assert not before(folder).edited


def test_steps_of_edited_code_are_found_where_they_stand() -> None:
    text = "# mine\n" + TEXT + "\n\n@metric\ndef share():\n    return 1\n"
    found = placed(text, {"people": "source", "share": "metric"}, (STEP,))
    assert found == (
        LiftedStep(name="people", kind="source", first_line=9, last_line=12, statements=(2,)),
        LiftedStep(name="share", kind="metric", first_line=15, last_line=17, statements=()),
    )


def test_what_edits_make_different_is_said_to_come_of_them() -> None:
    value = ProvenValue(what="accuracy in cell 3", part="metric", verdict=Verdict.PROVEN, step="accuracy")
    other = msgspec.structs.replace(value, verdict=Verdict.DIFFERENT, detail="by 0.1")
    plain = Proven(outcome="proven", reason=None, values=(value,), request=None)
    edited = Proven(outcome="not-proven", reason="Not equal: accuracy.", values=(other,), request=None)
    found = held(edited, plain, ("leaves", "ROWS"))
    assert found.reason == (
        "Not equal: accuracy. The code was edited by hand: leaves, ROWS. Without that it is proven."
    )
    assert found.values[0].detail == "by 0.1; edited by hand: leaves, ROWS"
    assert held(plain, None, ("leaves",)) == plain


def test_steps_metrics_and_answers_that_differ_are_told(tmp_path: Path) -> None:
    def value(solution: str, cell: int) -> ProvenValue:
        what = f"accuracy_score in cell {cell}"
        return ProvenValue(what=what, part="metric", verdict=Verdict.PROVEN, step="accuracy", solution=solution)

    was = before(lifted(tmp_path / "people"))
    was = replace(was, lift=msgspec.structs.replace(LIFT, steps=(msgspec.structs.replace(STEP, code="one"),)))
    was = replace(was, answers=_answers((1, "a", 0), (2, "b", 1)))
    changed = msgspec.structs.replace(STEP, code="other")
    now = msgspec.structs.replace(LIFT, steps=(changed, msgspec.structs.replace(STEP, name="rate")))
    found = changes_since(was, now, (value("0.9", 4),), _answers((1, "c", 0), (2, "d", 0), (3, "e", 1)))
    assert found == LiftChanges(
        added=("rate",),
        changed=("people",),
        metrics=(MetricBefore(name="accuracy accuracy_score", before="", now="0.9"),),
        answers=AnswersBefore(rows=2, changed=1),
    )
    assert told(found)[-1] == "  answers: 1 of 2 test rows are answered otherwise"


def test_rows_of_another_table_are_known_by_what_they_hold() -> None:
    now = msgspec.structs.replace(_answers((7, "a", 1), (8, "x", 0)), entry="another")
    assert answers_before(_answers((1, "a", 0), (8, "b", 1)), now) == AnswersBefore(rows=1, changed=1)
    assert answers_before(_answers((1, "z", 0)), now) is answers_before(None, now) is None


def _answers(*rows: tuple[int, str, int]) -> LiftAnswers:
    found = tuple(AnsweredRow(*row) for row in rows)
    return LiftAnswers(model="leaves", entry="table", repeatable=True, rows=found, examples=())
