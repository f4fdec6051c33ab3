"""Reading where a solution comes from: whole, edited, damaged, or not lifted at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from cli_solution import unshelve_here
from databases import settle
from lifted_trains import CODE, LIFT, PROOF, a_declaration, a_folder
from unshelve.clock import SystemClock
from unshelve.ids import canonical_json, digest
from unshelve.registry.origins import origin_of
from unshelve.registry.solutions import get_solution
from unshelve.solution import lifted
from unshelve.solution.control import Control
from unshelve.solution.files import code_files
from unshelve.solution.lifted import FoundNotebook, Origin, notebook_of, origin_findings, origin_in
from unshelve.solution.origin import Verdict
from unshelve.solution.running import keep_solution


def _origin(folder: Path) -> Origin:
    found = origin_in(folder, a_declaration(folder))
    assert found is not None
    return found


def _write(folder: Path, name: str, **values: object) -> None:
    known = json.loads((folder / name).read_bytes())
    (folder / name).write_text(json.dumps({**known, **values}))


def test_lift_proof_and_code_are_read_as_they_lie_there(tmp_path: Path) -> None:
    assert _origin(a_folder(tmp_path)) == Origin(lift=LIFT, proof=PROOF, code=CODE)


def test_a_folder_without_a_lift_comes_from_nowhere(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "lift.json").unlink()
    assert origin_in(folder, a_declaration(folder)) is None
    assert origin_findings(None) == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"notebook": 3}',
        b'"' + b"x" * 100,
        b'{"x":' + b"[" * 100_000,
    ],
)
@pytest.mark.parametrize(("name", "state"), [("lift.json", "damaged"), ("proof.json", "unproven")])
def test_a_damaged_file_is_a_finding(tmp_path: Path, text: bytes, name: str, state: str) -> None:
    folder = a_folder(tmp_path)
    (folder / name).write_bytes(text)
    origin = _origin(folder)
    assert origin.state == state
    (finding,) = origin_findings(origin)
    assert (finding.number, finding.severity, finding.place.file) == ("U018", "warning", name)
    assert finding.message.startswith(f"`{name}` is not what a lift writes: ")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cells": []}, "stands in no cell"),
        ({"steps": []}, "a step that is not there"),
        ({"cells": [*json.loads(canonical_json(LIFT.cells)), {"number": 1, "kind": "raw", "source": ""}]}, "twice"),
        (
            {"steps": [*json.loads(canonical_json(LIFT.steps)), {**json.loads(canonical_json(LIFT.steps[0])),
             "statements": [999]}]},
            "do not exist",
        ),
    ],
)  # fmt: skip
def test_a_lift_that_does_not_hold_together_is_damaged(tmp_path: Path, change: dict[str, object], why: str) -> None:
    folder = a_folder(tmp_path)
    _write(folder, "lift.json", **change)
    origin = _origin(folder)
    assert origin.state == "damaged" and why in origin.problem


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifted, "MOST_BYTES", 1_000)
    assert "`lift.json` is larger than" in _origin(a_folder(tmp_path)).problem


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "lift.json").rename(tmp_path / "lift.json")
    (folder / "lift.json").symlink_to(tmp_path / "lift.json")
    assert _origin(folder).state == "damaged"


def test_edited_code_is_told_by_its_digest(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    _write(folder, "lift.json", code=code_files(folder)[1])
    _write(folder, "proof.json", lift=digest((folder / "lift.json").read_bytes()))
    assert _origin(folder).state == "proven"
    with (folder / "solution.py").open("a") as file:
        file.write("\n# a remark\n")
    origin = _origin(folder)
    assert (origin.state, origin.code) == ("edited", "")


def test_a_proof_of_another_lift_proves_nothing(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    _write(folder, "lift.json", digest="0" * 64)
    origin = _origin(folder)
    assert (origin.state, origin.proof) == ("unproven", None)
    assert origin.problem == "`proof.json` is not about the `lift.json` beside it."


def test_edited_code_is_told_by_lines_that_moved(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "solution.py").write_text("# one\n# two\n# three\n# four\n" + CODE)
    assert _origin(folder).state == "edited"


def test_another_notebook_beside_it_is_noticed(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert not _origin(folder).notebook_edited
    (folder / LIFT.notebook).write_text("{}")
    assert _origin(folder).notebook_edited


def test_a_difference_is_never_called_proven() -> None:
    values = (*PROOF.values, changed(PROOF.values[0], verdict=Verdict.DIFFERENT))
    assert Origin(lift=LIFT, proof=changed(PROOF, values=values), code=CODE).state == "not-proven"


def test_reading_a_solution_keeps_its_origin_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    declaration = a_declaration(folder)
    with Control.open(settle(tmp_path / "home"), clock=SystemClock()) as control:
        keep_solution(control, folder, declaration)
        with control.database.read() as connection:
            known = origin_of(connection, "trains", declaration.code)
        assert known and (known.notebook, known.model, known.state) == ("late_trains.ipynb", "late", "proven")
        (folder / "proof.json").write_text("{")
        keep_solution(control, folder, declaration)
        with control.database.read() as connection:
            assert [one["number"] for one in get_solution(connection, "trains").findings] == ["U018"]
        (folder / "lift.json").unlink()
        keep_solution(control, folder, declaration)
        with control.database.read() as connection:
            assert origin_of(connection, "trains", declaration.code) is None


def test_check_says_that_the_record_of_a_lift_cannot_be_used(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "proof.json").write_text("{")
    said = unshelve_here("check", folder, "--json")
    assert said.code == 0
    assert (
        "`proof.json` is not what a lift writes"
        in {each["number"]: each["message"] for each in said.json["findings"]}["U018"]
    )


def test_the_notebook_to_lift_again_is_the_one_that_was_edited(tmp_path: Path) -> None:
    folder, lift = a_folder(tmp_path), changed(LIFT, digest=digest(b"lifted"))
    beside, inside = tmp_path / LIFT.notebook, folder / LIFT.notebook
    inside.write_bytes(b"lifted")
    assert notebook_of(folder, lift) == FoundNotebook(inside, edited=False)
    beside.write_bytes(b"lifted")
    assert notebook_of(folder, lift) == FoundNotebook(beside, edited=False)
    inside.write_bytes(b"lifted and edited")
    assert notebook_of(folder, lift) == FoundNotebook(inside, edited=True)
    beside.write_bytes(b"edited otherwise")
    assert notebook_of(folder, lift) is None, "to lift one of two edits would lose the other"
    inside.write_bytes(b"lifted")
    assert notebook_of(folder, lift) == FoundNotebook(beside, edited=True)


def test_a_notebook_that_is_not_there_or_has_a_path_for_a_name_is_none(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert notebook_of(folder, LIFT) is None
    (tmp_path / "other.ipynb").write_text("{}")
    assert notebook_of(folder, changed(LIFT, notebook="../other.ipynb")) is None
