"""What a watched run shows of a notebook, and what it lets it do."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import Keep, RunLimits, stable, watch

MODEL = (
    "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression\n"
    "from sklearn.metrics import accuracy_score",
    "df = pd.read_csv('rows.csv')\nother = df",
    "df['twice'] = df['x'] * 2",
    "from sklearn.model_selection import train_test_split\n"
    "X, X_test, y, y_test = train_test_split(df[['x', 'twice']], df['y'], random_state=0)",
    "model = LogisticRegression().fit(X, y)",
    "accuracy_score(y_test, model.predict(X_test))",
    "import random\nrandom.random()",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("notebook")
    rows = "\n".join(f"{number},{'yes' if number % 7 > 2 else 'no'}" for number in range(60))
    (made / "rows.csv").write_text("x,y\n" + rows + "\n")
    return made


@pytest.fixture(scope="module")
def seen(folder: Path) -> Watched:
    keep = Keep(folder=folder / "kept", names={3: ("df",)}, calls={2: 2}, random=True)
    return watch(notebook_of(*MODEL, folder=folder), folder=folder, keep=keep)


def test_names_that_are_new_and_objects_that_changed_are_told_apart(seen: Watched) -> None:
    assert seen.ran
    assert set(seen.statements[3].bound) == {"df"}
    assert set(seen.statements[5].changed) == {"df", "other"}
    assert seen.statements[5].bound == {}


def test_two_names_of_one_object_have_one_identity(seen: Watched) -> None:
    assert seen.statements[4].bound["other"].identity == seen.statements[3].bound["df"].identity


def test_the_calls_of_the_notebook_are_recorded_with_what_they_took_and_gave(seen: Watched) -> None:
    outer = [(call.kind, call.name) for call in seen.calls if not call.inside]
    assert outer == [
        ("read", "pandas.read_csv"),
        ("split", "sklearn.model_selection.train_test_split"),
        ("fit", "sklearn.linear_model._logistic.LogisticRegression.fit"),
        ("predict", "sklearn.linear_model._logistic.LogisticRegression.predict"),
        ("metric", "sklearn.metrics.accuracy_score"),
    ]
    metric = seen.calls[-1]
    assert metric.value is not None
    assert seen.statements[9].printed.strip() == repr(metric.value)
    assert metric.arguments[0].index != ""


def test_the_test_rows_of_the_fit_and_of_the_name_are_known_to_be_the_same(seen: Watched) -> None:
    fit = next(call for call in seen.calls if call.kind == "fit")
    assert fit.arguments[0].fingerprint == seen.statements[7].bound["X"].fingerprint


def test_a_statement_that_draws_is_known(seen: Watched) -> None:
    assert [run.number for run in seen.statements if run.drew] == [11]


def test_what_was_asked_for_is_kept(seen: Watched, folder: Path) -> None:
    call = pickle.loads((folder / "kept" / "call-2.pkl").read_bytes())
    assert list(call["receiver"].classes_) == ["no", "yes"]
    assert len(call["arguments"][0]) == 45
    assert (folder / "kept" / "3-df.pkl").exists()
    assert (folder / "kept" / "random-11.pkl").exists()


def test_two_runs_agree_on_all_but_what_was_drawn(seen: Watched, folder: Path) -> None:
    drawn = "import random\na = random.random()\nb = 1"
    first, second = (watch(notebook_of(drawn, folder=folder), folder=folder) for _ in range(2))
    assert stable(first, second) == {("name", 0, "random"), ("name", 2, "b")}


def test_files_that_a_notebook_writes_and_deletes_stay_as_they_were(folder: Path) -> None:
    code = "import os\nos.remove('rows.csv')\nopen('new.txt', 'w').close()\nos.path.exists('rows.csv')"
    seen = watch(notebook_of(code, folder=folder), folder=folder)
    assert seen.statements[-1].printed == "False\n"
    assert seen.statements[2].written == ("new.txt",)
    assert (folder / "rows.csv").exists()
    assert not (folder / "new.txt").exists()


def test_folders_beside_the_notebook_are_there_where_it_asks_for_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "data" / "a.txt").write_text("hello")
    code = "text = open('../data/a.txt').read()\nopen('../data/a.txt', 'w').close()"
    assert watch(notebook_of(code, folder=tmp_path / "work"), folder=tmp_path / "work").ran
    assert (tmp_path / "data" / "a.txt").read_text() == "hello"


def test_only_the_statements_of_a_slice_are_run(folder: Path) -> None:
    seen = watch(notebook_of("a = 1\nb = 2\nc = a", folder=folder), folder=folder, statements={0, 2})
    assert [set(run.bound) for run in seen.statements] == [{"a"}, set(), {"c"}]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1 / 0", "cell 1, line 1: ZeroDivisionError: division by zero"),
        ("a = 1\nexit()", "cell 1, line 2 leaves the notebook: it calls exit"),
        ("import os\nos._exit(4)", "cell 1, line 2: the process ended by itself (exit code 4)"),
        ("import os\nos._exit(0)", "cell 1, line 2: the process ended by itself (exit code 0)"),
        ("import os\nos.kill(os.getppid(), 15)", "sends a signal to process"),
        ("while True: pass", "cell 1, line 1: runs longer than 2 seconds"),
        ("x = []\nwhile True: x.append(bytearray(10_000_000))", "cell 1, line 2: uses more than 200 MB of memory"),
        ("import urllib.request as u\nu.urlopen('http://a.example/b')", "asks for http://a.example/b, and it is run"),
        ("open('/etc/made-by-a-notebook', 'w')", "which is outside its own folder"),
        ("x = input('age?')", "the notebook asks a person: 'age?'"),
    ],
)
def test_a_run_that_cannot_go_on_says_where_and_why(code: str, why: str, folder: Path) -> None:
    limits = RunLimits(seconds=20, statement_seconds=2, memory_bytes=200 << 20)
    seen = watch(notebook_of(code, folder=folder), folder=folder, limits=limits)
    assert why in str(seen.ended)


def test_a_notebook_that_forks_without_end_is_ended(folder: Path) -> None:
    code = "import os\nwhile True: os.fork()"
    seen = watch(notebook_of(code, folder=folder), folder=folder, limits=RunLimits(seconds=20, processes=8))
    assert "starts" in str(seen.ended)
    assert "processes" in str(seen.ended)


def test_a_file_whose_content_was_not_fetched_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    seen = watch(notebook_of("open('a.csv').read()", folder=tmp_path), folder=tmp_path)
    assert "'a.csv' holds only a pointer of git-lfs, not the data" in str(seen.ended)


def test_programs_that_a_notebook_starts_write_nowhere_else(folder: Path, tmp_path: Path) -> None:
    code = f"import os\nos.system('echo hello > {tmp_path}/made')"
    watch(notebook_of(code, folder=folder), folder=folder)
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there all are found")
def test_programs_that_hide_are_ended_with_the_notebook(folder: Path) -> None:
    code = "import subprocess\nx = subprocess.Popen(['env', '-i', 'setsid', 'sh', '-c', 'sleep 31 & sleep 32']).pid"
    seen = watch(notebook_of(code, folder=folder), folder=folder)
    assert seen.ended is None
    left = [each for each in Path("/proc").glob("[0-9]*/cmdline") if _said(each) in ("sleep 31", "sleep 32")]
    assert left == []


def _said(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("code", "outside"),
    [
        ("import os\ndef load():\n    os.system('true /x')\nload()", ("starts a program (true)",)),
        ("import subprocess\nsubprocess.run(['true', '/x'])", ("starts a program (true)",)),
        (
            "import os\ntry:\n    os.remove('/etc/hostname')\nexcept OSError:\n    pass",
            ("writes to '/etc/hostname', which is outside its own folder",),
        ),
        ("import os\nopen('a.txt', 'w').close()\nos.remove('a.txt')", ()),
        ("import platform\nplatform.processor()", ()),
    ],
)
def test_what_the_notebooks_own_code_does_outside_is_known(code: str, outside: tuple[str, ...], folder: Path) -> None:
    seen = watch(notebook_of(code, folder=folder), folder=folder)
    assert seen.statements[-1].outside == outside


def test_classes_of_the_notebook_can_be_kept_after_they_were_recorded(folder: Path) -> None:
    code = (
        "from sklearn.base import BaseEstimator\nclass Mean(BaseEstimator):\n"
        "    def fit(self, X, y):\n        self.mean_ = sum(y) / len(y)\n        return self\n"
        "m = Mean().fit([[1], [2]], [1, 2])"
    )
    keep = Keep(folder=folder / "classes", names={2: ("m",)})
    seen = watch(notebook_of(code, folder=folder), folder=folder, keep=keep)
    assert [call.name for call in seen.calls] == ["__main__.Mean.fit"]
    assert pickle.loads((folder / "classes" / "2-m.pkl").read_bytes()).mean_ == 1.5


def test_a_large_model_is_looked_at_again_only_where_it_can_have_changed(folder: Path) -> None:
    code = (
        "big = {'part': [[n] for n in range(50_000)]}\nother = big\nalone = 1\n"
        "def grow():\n    big['part'].append(1)\ngrow()\npart = big['part']\npart.append(2)"
    )
    seen = watch(notebook_of(code, folder=folder), folder=folder)
    assert [set(run.changed) for run in seen.statements] == [
        set(), set(), set(), set(), {"big", "other"}, set(), {"big", "other", "part"},
    ]  # fmt: skip
