"""The example notebooks: their data can be written, and they run from top to bottom and give what they show."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import matplotlib
import pandas as pd
import pytest
from matplotlib import pyplot
from threadpoolctl import threadpool_limits

from unshelve.notebook.lifting import lift

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
DATA_PATH = re.compile(r"""(['"])[^'"\n]*[/\\]([^'"/\\\n]+\.csv)\1""")
ROWS = {
    "churn/telco_churn.csv": 7_043,
    "houses/AmesHousing.csv": 2_930,
    "flights/flights.csv": 56_130,
    "flights/weather.csv": 26_115,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What each code cell printed: as saved in the notebook, and now."""

    saved: list[str]
    now: list[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    _fetch().write(folder)
    return folder


@pytest.fixture(scope="module", params=["churn", "houses", "flights"])
def ran(request: pytest.FixtureRequest, data: Path) -> Ran:
    name: str = request.param
    cells = _code_cells(name)
    matplotlib.use("Agg", force=True)
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.chdir(data / name), threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        printed = [_run("".join(cell["source"]), names) for cell in cells]
    pyplot.close("all")
    return Ran(saved=[_saved(cell) for cell in cells], now=printed)


def test_the_data_are_written_beside_the_notebooks(data: Path) -> None:
    assert {name: len(pd.read_csv(data / name)) for name in ROWS} == ROWS


def test_a_missing_charge_is_a_blank_as_the_churn_notebook_expects(data: Path) -> None:
    charges = pd.read_csv(data / "churn" / "telco_churn.csv")["total_charges"]
    assert (charges == " ").sum() == 11


def test_a_notebook_runs_from_top_to_bottom_and_prints_what_it_shows(ran: Ran) -> None:
    """Unseeded models move the figures a little."""
    shown = [float(number) for text in ran.saved for number in NUMBER.findall(text)]
    printed = [float(number) for text in ran.now for number in NUMBER.findall(text)]
    assert len(shown) >= 8
    assert printed == pytest.approx(shown, rel=0.05)


@pytest.mark.parametrize("name", ["churn", "houses", "flights"])
def test_a_notebook_is_out_of_order_with_gaps_as_real_ones_are(name: str) -> None:
    counts = [cell["execution_count"] for cell in _code_cells(name) if cell["execution_count"]]
    assert counts != sorted(counts)
    assert max(counts) > len(counts)


@pytest.mark.parametrize(("name", "most"), [("churn", 50), ("houses", 60), ("flights", 50)])
def test_a_notebook_is_lifted_for_raw_rows_with_half_its_statements(data: Path, name: str, most: int) -> None:
    (data / name / f"{name}.ipynb").write_bytes((NOTEBOOKS / name / f"{name}.ipynb").read_bytes())
    lifted = lift(data / name / f"{name}.ipynb", only_proven=True)
    assert lifted.lift is not None, lifted.proof.reason
    assert (lifted.lift.entry, lifted.proof.metrics.equal) == ("raw", lifted.proof.metrics.stable)
    assert lifted.proof.statements.kept <= lifted.proof.statements.of * most / 100
    assert lifted.proof.request is not None and lifted.proof.request.equal > 700


def _code_cells(name: str) -> list[dict]:  # type: ignore[type-arg]  # JSON
    notebook = json.loads((NOTEBOOKS / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _saved(cell: dict) -> str:  # type: ignore[type-arg]  # JSON
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def _run(source: str, names: dict[str, object]) -> str:
    """Run a cell without its magics, its data files taken from the current folder; what it prints."""
    plain = re.sub(r"(?m)^\s*[%!].*$", "", source)
    code = ast.parse(DATA_PATH.sub(r"\1\2\1", plain))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "<cell>", "exec"), names)
    return printed.getvalue()


def _fetch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_notebook_data", NOTEBOOKS / "fetch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
