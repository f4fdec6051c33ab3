"""The numbers of all findings on notebooks, N101 to N299, with what each means. Numbers are never reused.

N1xx are said of the text, or of what its run showed; N2xx are repairs, and what kept a notebook from running.
"""

from __future__ import annotations

from typing import Final, Literal

from unshelve.notebook.notebook import Statement
from unshelve.solution.origin import NotebookFinding

Severity = Literal["error", "warning", "note"]

RULES: Final[dict[str, tuple[Severity, str]]] = {
    "N101": ("warning", "A name is used before it is defined"),
    "N102": ("note", "Cells were run in another order"),
    "N103": ("warning", "A path is that of one machine"),
    "N104": ("warning", "A data file is not there"),
    "N105": ("warning", "A secret stands in a cell"),
    "N106": ("warning", "Something comes over the network"),
    "N107": ("warning", "A person is asked for input"),
    "N108": ("warning", "Randomness has no seed"),
    "N109": ("warning", "Something is fitted before rows are divided"),
    "N110": ("warning", "Something is fitted on test rows"),
    "N111": ("error", "No model is fitted"),
    "N112": ("error", "Only deep learning"),
    "N113": ("note", "A line is not Python"),
    "N114": ("warning", "The target is among the features"),
    "N115": ("warning", "Test rows choose the settings"),
    "N116": ("warning", "A model has seen the rows it is judged by"),
    "N117": ("warning", "Training and test rows are prepared differently"),
    "N118": ("warning", "A value is taken from the test rows"),
    "N119": ("warning", "A feature tells the target"),
    "N120": ("note", "Rows are on both sides of the division"),
    "N121": ("warning", "Rows are drawn again before they are divided"),
    "N122": ("note", "A statement matters that no name tells of"),
    "N200": ("note", "A path was made that of the file beside the notebook"),
    "N201": ("note", "A module or name has moved"),
    "N202": ("note", "A write that pandas 3 loses or refuses"),
    "N203": ("note", "A test for text columns that pandas 3 changed"),
    "N204": ("note", "A parameter or its value has another name"),
    "N205": ("note", "A look or a picture that fails was left out"),
    "N206": ("note", "A name was removed"),
    "N207": ("note", "An argument is taken by name only"),
    "N208": ("note", "Text columns must be left out by name"),
    "N209": ("note", "append is concat"),
    "N210": ("note", "An import was missing"),
    "N211": ("error", "A package is not installed"),
    "N212": ("error", "A data file cannot be read"),
    "N213": ("error", "The run asks for the network"),
    "N214": ("error", "The run asks a person"),
    "N215": ("error", "A statement fails"),
    "N216": ("error", "The run was ended"),
    "N217": ("warning", "A statement of a model fails and was left out"),
    "N218": ("note", "It runs with packages of its own"),
    "N219": ("warning", "A statement was left out that failed when the author ran it too"),
    "N220": ("warning", "A statement fails and was left out, with all that needs it"),
    "N221": ("note", "What was typed stands in the place of input()"),
    "N222": ("warning", "The notebook ends before its last statement"),
}


def remark(number: str, statement: Statement | None, message: str, repair: str) -> NotebookFinding:
    """A finding with the severity of its number, at the place of a statement."""
    return NotebookFinding(
        number=number,
        severity=RULES[number][0],
        cell=None if statement is None else statement.cell,
        line=None if statement is None else statement.line,
        message=message,
        repair=repair,
    )
