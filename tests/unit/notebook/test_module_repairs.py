"""Modules beside a notebook drift as the notebook does; the files themselves are never changed."""

from __future__ import annotations

from pathlib import Path

from notebook_house import notebook_of
from unshelve.notebook.module_repairs import statement_at, with_statement
from unshelve.notebook.repairs import repair
from unshelve.notebook.watching import watch, watch_repaired

PREP = '''"""What I always do."""
from sklearn.externals import joblib  # old
import numpy as np, pandas as pd


def clean(df):
    df["a"].fillna(0, inplace=True)  # lost
    return df.append({"a": 7}, ignore_index=True)

a = 1; b = np.float(2)
'''


def test_what_is_certain_without_a_run_is_rewritten_in_a_module_too(tmp_path: Path) -> None:
    (tmp_path / "prep.py").write_text(PREP)
    (tmp_path / "broken.py").write_text("print 'a'\n")
    repaired = repair(notebook_of("import broken\nfrom prep import clean", folder=tmp_path), tmp_path)
    today = PREP.replace("from sklearn.externals import joblib  # old", "import joblib")
    today = today.replace('df["a"].fillna(0, inplace=True)', 'df["a"] = df["a"].fillna(0)')
    assert repaired.notebook.modules == {"prep.py": today}
    assert (tmp_path / "prep.py").read_text() == PREP
    assert [(each.number, each.cell, each.message) for each in repaired.findings] == [
        ("N201", None, "prep.py, line 2: `from sklearn.externals import joblib` is `import joblib` today"),
        ("N202", None, 'prep.py, line 6: pandas 3 loses what `df["a"].fillna(0, inplace=True)` does'),
    ]


def test_what_fails_in_a_module_is_rewritten_where_its_error_says_how(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "__init__.py").write_text("import matplotlib.pyplot as plt\nplt.style.use('seaborn')\n")
    (tmp_path / "kit" / "prep.py").write_text(PREP.replace("np.float", "float"))
    cell = (
        "import pandas as pd\nfrom kit.prep import clean\nprint(clean(pd.DataFrame({'a': [1.0, None]}))['a'].tolist())"
    )
    repaired, watched = watch_repaired(notebook_of(cell, folder=tmp_path), tmp_path)
    assert watched.ended is None
    assert watched.statements[2].printed == "[1.0, 0.0, 7.0]\n"
    assert "seaborn-v0_8" in repaired.notebook.modules["kit/__init__.py"]
    assert [each.message.partition(": ")[0] for each in repaired.findings] == [
        "kit/prep.py, line 2",
        "kit/prep.py, line 6",
        "kit/__init__.py, line 2",
        "kit/prep.py, line 8",
    ]
    assert watch(repaired.notebook, folder=tmp_path).ran
    assert "'seaborn'" in (tmp_path / "kit" / "__init__.py").read_text()


def test_an_error_that_no_rule_knows_is_that_of_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "prep.py").write_text("def clean(x):\n    return x.nothing\n")
    repaired, watched = watch_repaired(
        notebook_of("from prep import clean\nx = clean(3)\nx.fit(x)", folder=tmp_path), tmp_path
    )
    assert "AttributeError" in str(watched.ended)
    assert repaired.notebook.modules == {}


def test_a_statement_is_found_and_replaced_by_its_lines() -> None:
    text = "a = 1\n@cached\ndef f():\n    return 1\nb = 2; c = 3\n"
    assert statement_at(text, 4) == (2, "@cached\ndef f():\n    return 1")
    assert statement_at(text, 5) is None
    assert statement_at("a = 1; b = (\n2)", 1) is None
    assert with_statement(text, 2, "@cached\ndef f():\n    return 1", "f = 1") == "a = 1\nf = 1\nb = 2; c = 3\n"
