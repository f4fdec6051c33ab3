"""The lift of `late_trains.ipynb` as values that tests change, and lifts of any length."""

from __future__ import annotations

from pathlib import Path

import msgspec

from unshelve.registry.solutions import get_solution
from unshelve.solution.declaration import Declaration
from unshelve.solution.files import code_files
from unshelve.solution.lifted import Origin
from unshelve.solution.origin import (
    Lift,
    LiftedCell,
    LiftedStatement,
    LiftedStep,
    LiftProof,
    Metrics,
    NotebookFinding,
    ProvenValue,
    Verdict,
)
from unshelve.solution.running import keep_origin
from web_house import LIFTED, House

LIFT = msgspec.json.decode((LIFTED / "lift.json").read_bytes(), type=Lift)
PROOF = msgspec.json.decode((LIFTED / "proof.json").read_bytes(), type=LiftProof)
CODE = (LIFTED / "solution.py").read_text(encoding="utf-8")


def a_folder(root: Path) -> Path:
    """A copy of the lifted solution, to be changed."""
    folder = root / "trains"
    folder.mkdir()
    for path in LIFTED.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def a_declaration(folder: Path) -> Declaration:
    """What the registry would know of a folder: its code, without steps."""
    code = code_files(folder)[1]
    return Declaration(name="trains", title="Late trains", description="", steps=(), environment={}, code=code)


def register(house: House, origin: Origin | None) -> None:
    """Keep an origin as that of the house's solution."""
    with house.site.database.write() as connection:
        declaration = Declaration.from_json(get_solution(connection, "trains").declaration)
        keep_origin(connection, house.site.blobs, declaration, origin)


def a_long_origin(cells: int, *, statements: int = 4, steps: int = 40) -> Origin:
    """A proven lift of a long notebook: every second statement is kept, every seventh cell is prose."""
    body = ["    run = run.assign(usual=run['origin'].map(usual), word='text')"] * 8
    code: list[str] = []
    made: list[tuple[str, int]] = []
    for number in range(steps):
        made.append((f"step_{number}", len(code) + 1))
        code += ["@transform", f"def step_{number}(run, usual):", *body, ""]
    lifted = [_long_cell(number, statements) for number in range(1, cells + 1)]
    kept = [
        LiftedStatement(
            number=place,
            origin=place,
            cell=cell.number,
            line=line,
            end_line=line,
            source=text,
            steps=(f"step_{cell.number * steps // (cells + 1)}",) if place % 2 else (),
            dropped=None if place % 2 else "never used",
        )
        for place, (cell, line, text) in enumerate(
            (cell, line, text)
            for cell in lifted
            if cell.kind == "code"
            for line, text in enumerate(cell.source.splitlines(), start=1)
            if line > 1
        )
    ]
    findings = tuple(
        NotebookFinding(number="N121", severity="warning", cell=1, line=2, message="m " * 40, repair="r " * 30)
        for _ in range(cells // 10)
    )
    lift = Lift(
        notebook="long.ipynb",
        digest="0" * 64,
        model="late",
        entry="raw",
        entry_reason=None,
        cells=tuple(lifted),
        statements=tuple(kept),
        steps=tuple(
            LiftedStep(name=name, kind="transform", first_line=line, last_line=line + 9, statements=())
            for name, line in made
        ),
        findings=findings,
    )
    values = tuple(
        ProvenValue(what=f"value {one.number}", part="metric", verdict=Verdict.PROVEN, statement=one.number)
        for one in kept[: cells // 3]
    )
    proof = msgspec.structs.replace(
        PROOF,
        statements=lift.counted,
        metrics=Metrics(equal=9, stable=9),
        request=None,
        values=values,
        findings=findings,
    )
    return Origin(lift=lift, proof=proof, code="\n".join(code))


def _long_cell(number: int, statements: int) -> LiftedCell:
    if number % 7 == 0:
        return LiftedCell(number=number, kind="markdown", source="## A part\n\nSome words about it. " * 4)
    lines = [f"df['column_{number}_{each}'] = df['origin'].map(usual) + {each}" for each in range(statements)]
    return LiftedCell(number=number, kind="code", source="\n".join(["# a comment", *lines]), execution_count=number)
