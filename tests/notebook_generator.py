"""Draws notebooks from idioms that are frequent in real ones, and runs them or some of their statements."""

from __future__ import annotations

import random
import string
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final  # Any: names of a notebook hold whatever it makes

import numpy as np
import pandas as pd

from notebook_house import notebook_of
from unshelve.notebook.notebook import Notebook

_HEAD: Final = """import copy
import random
import pandas as pd
import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import LabelEncoder, StandardScaler, MinMaxScaler
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.model_selection import train_test_split, GridSearchCV
from sklearn.metrics import accuracy_score, mean_absolute_error"""
_DATA: Final = """df = pd.DataFrame({{
    "age": [{ages}],
    "fare": [{fares}],
    "town": {towns},
    "sex": {sexes},
    "left": {left},
}})"""
_ROWS: Final = 40
_FRAMES: Final = ("df", "data", "df2", "train", "X", "tmp")
_SERIES: Final = ("s", "col", "y", "values")
_LISTS: Final = ("cols", "results", "parts", "things")
_ARRAYS: Final = ("a", "arr", "view", "M")
_NUMBERS: Final = ("n", "limit", "total", "k", "SEED")
_MODELS: Final = ("model", "clf", "rf", "best")
_TOOLS: Final = ("le", "scaler", "sc", "enc")
_FUNCTIONS: Final = ("f", "clean", "helper", "g")

# Placeholders: F a table, G another one, NF a name for a table; C a column of numbers, T of text; S, L, A, N, M, E, P:
# a series, list, array, number, model, encoder or scaler, function that is there, and NS, NL, … a name for a new one.
_IDIOMS: Final[tuple[tuple[int, str], ...]] = (
    (4, "$F['$C'] = $F['$C'].fillna($F['$C'].mean())"),
    (2, "$F['$C'] = $F['$C'].fillna($N)"),
    (2, "$F.fillna({'$C': 1}, inplace=True)"),
    (2, "$F.rename(columns={'$C': '$C'}, inplace=True)"),
    (3, "$F['new$I'] = $F['$C'] * 2 + $N"),
    (2, "$F['new$I'] = $F['$C'] > $F['$C'].median()"),
    (2, "$F.loc[$F['$C'] > 30, '$C'] = 30"),
    (2, "$F.loc[$F['$T'] == 'a', '$C'] = $N"),
    (3, "$NF = $F.copy()"),
    (4, "$NF = $F"),
    (2, "$NF = $F[['$C', 'left']]"),
    (2, "$NF = $F[$F['$C'] > 0]"),
    (2, "$NF = $F.dropna()"),
    (1, "$F.dropna(inplace=True)"),
    (1, "$F.reset_index(drop=True, inplace=True)"),
    (2, "$F = $F.drop('$C', axis=1)"),
    (1, "$F.drop('$C', axis=1, inplace=True)"),
    (1, "del $F['new$I']"),
    (1, "$NS = $F.pop('$C')"),
    (2, "$NF = pd.get_dummies($F, columns=['$T'])"),
    (2, "$F['$T'] = $F['$T'].map({'a': 0, 'b': 1, 'f': 0, 'm': 1}).fillna(2)"),
    (2, "$F['$T'] = $F['$T'].astype('category').cat.codes"),
    (3, "$NE = LabelEncoder()"),
    (3, "$F['$T'] = $E.fit_transform($F['$T'].astype(str))"),
    (2, "for c in ['town', 'sex']:\n    if c in $F.columns:\n        $F[c] = $E.fit_transform($F[c].astype(str))"),
    (2, "for c in $F.columns:\n    if $F[c].dtype != 'object' and c != 'left':\n        $F[c] = $F[c] * 1.5"),
    (2, "for c in $L:\n    $F[c] = $F[c].fillna(0)"),
    (2, "for d in [$F, $G]:\n    d['new$I'] = $N"),
    (1, "for d in ($F, $G):\n    d = d.fillna(0)"),
    (2, "$NS = $F['$C']"),
    (1, "$S[:] = 1"),
    (1, "$S.fillna(0, inplace=True)"),
    (1, "$F['new$I'] = $S"),
    (2, "$NL = ['$C', 'left']"),
    (1, "$NL = []"),
    (2, "$L.append('$C')"),
    (1, "$NL = $L"),
    (1, "$L += ['age']"),
    (1, "$NL = [c for c in $F.columns if c != '$C']"),
    (1, "$NL = [$F, $G]"),
    (1, "$L[0]['new$I'] = 7"),
    (1, "$NF = $L[0]"),
    (1, "things = {'one': $F, 'two': $G}\nthings['one']['new$I'] = 8"),
    (2, "$NA = $F[['age']].to_numpy(copy=True)"),
    (2, "$NA = $A[2:]"),
    (2, "$NA = $A"),
    (1, "$NA = $A.T"),
    (2, "$A[0] = $N"),
    (1, "$A += 1"),
    (1, "$NA = $A.copy()"),
    (1, "np.random.shuffle($A)"),
    (1, "$A.sort(axis=0)"),
    (3, "$NN = $N + 1"),
    (2, "$NN = 3"),
    (1, "$NN = len($F)"),
    (1, "$NN = float(np.nansum($A))"),
    (1, "$N += 2"),
    (1, "if $N > 2:\n    $N = 1\nelse:\n    $F['new$I'] = 5"),
    (1, "try:\n    $N = int('x')\nexcept ValueError:\n    $N = 4"),
    (1, "while $N > 9:\n    $N -= 5"),
    (1, "$NN = [($N := q) for q in range(3)][-1]"),
    (2, "def $NP(d):\n    d['new$I'] = $N\n    return d"),
    (2, "def $NP(d):\n    d = d.copy()\n    d['new$I'] = len(d) + $N\n    return d"),
    (1, "def $NP(d, by=$N):\n    global limit\n    limit = by + 1\n    return d"),
    (1, "def $NP(d):\n    $L.append('age')\n    return d.assign(new$I=len($L))"),
    (1, "def $NP(d):\n    def inner(e):\n        e['new$I'] = $N\n    inner(d)\n    return d"),
    (1, "$NP = lambda d: d.assign(new$I=$N)"),
    (2, "$NF = $P($F)"),
    (2, "$P($F)"),
    (1, "$NF = $F.pipe($P)"),
    (1, "$F['new$I'] = $F['$C'].apply(lambda v: v + $N)"),
    (1, "def row(v):\n    return v * $N\n$F['new$I'] = $F['$C'].map(row)"),
    (1, "class Prep:\n    def __init__(self, d):\n        self.d = d\n"
        "    def run(self):\n        self.d['new$I'] = $N\n        return self.d\nprep = Prep($F)\n$NF = prep.run()"),
    (3, "$NE = StandardScaler()"),
    (1, "$NE = $E"),
    (2, "$E.fit($F[['$C']].fillna(0))"),
    (2, "$F[['$C']] = $E.fit_transform($F[['$C']].fillna(0))"),
    (1, "$F['new$I'] = $E.transform($F[['$C']].fillna(0))[:, 0]"),
    (1, "np.random.seed($N)"),
    (1, "np.random.seed(1)"),
    (1, "random.seed(2)"),
    (1, "$NN = random.random()"),
    (2, "$F['new$I'] = np.random.rand(len($F))"),
    (1, "$NF = $F.sample(frac=0.9)"),
    (1, "$NF = $F.sample(frac=0.9, random_state=3)"),
    (1, "$F.sample(3)"),
    (1, "rng = np.random.RandomState(0)\n$F['new$I'] = rng.rand(len($F))"),
    (1, "$F['new$I'] = rng.rand(len($F))"),
    (2, "$NM = DecisionTreeClassifier(random_state=0)"),
    (1, "$NM = DecisionTreeClassifier(max_features=1)"),
    (1, "$NM = make_pipeline(StandardScaler(), LogisticRegression())"),
    (1, "$NM = make_pipeline($E, LogisticRegression())"),
    (1, "$NM = GridSearchCV(DecisionTreeClassifier(random_state=0), {'max_depth': [1, 2]}, cv=2)"),
    (3, "$M.fit($F[['$C']].fillna(0), $F['left'])"),
    (1, "$NM = $M.fit($F[['$C']].fillna(0), $F['left'])"),
    (1, "$NM = $M"),
    (1, "$NM = copy.deepcopy($M)"),
    (1, "models = [LogisticRegression(), DecisionTreeClassifier(random_state=1)]\n"
        "for m in models:\n    m.fit($F[['$C']].fillna(0), $F['left'])\n$NM = models[0]"),
    (1, "for m in [$M]:\n    m.fit($F[['$C']].fillna(0), $F['left'])"),
    (1, "$F['new$I'] = $M.predict($F[['$C']].fillna(0))"),
    (1, "$M.score($F[['$C']].fillna(0), $F['left'])"),
    (1, "$F.to_csv('file.csv', index=False)"),
    (1, "$NF = pd.read_csv('file.csv')"),
    (1, "with open('note.txt', 'w') as handle:\n    handle.write(str($N))"),
    (1, "$NN = float(open('note.txt').read())"),
    (1, "name = '$C'\n$F[name] = $F[name] + 1"),
    (1, "$F.query('$C > @limit')"),
    (1, "$NF = $F.query('$C > @limit')"),
    (1, "$F.columns = [c.lower() for c in $F.columns]"),
    (1, "$F.insert(0, 'new$I', $N)"),
    (1, "$F, $G = $G, $F"),
    (1, "$NN, $NA = $N, np.arange($N)"),
    (2, "$F.head()"),
    (2, "$F.describe()"),
    (1, "$F['$C'].value_counts()"),
    (1, "print($F.shape)"),
    (1, "$F.groupby('left')['$C'].mean()"),
    (1, "$F['new$I'] = $F.groupby('left')['$C'].transform('mean')"),
    (1, "$NF = pd.concat([$F, $G])"),
    (1, "pd.set_option('display.max_rows', 10)"),
)  # fmt: skip
_ENDS: Final = (
    """data = $F.copy()
X = data.drop('left', axis=1).select_dtypes('number').fillna(0)
y = data['left']
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=$N)
$M.fit(X_train, y_train)
y_pred = $M.predict(X_test)
score = float(accuracy_score(y_test, y_pred)), float(X_test.to_numpy(float).sum()), y_pred.tolist()""",
    """X = $F.select_dtypes('number').fillna($N)
y = X.pop('left')
X_train, X_test, y_train, y_test = train_test_split(X, y)
final = RandomForestClassifier(n_estimators=3)
final.fit(X_train, y_train)
score = float(final.score(X_test, y_test)), final.predict_proba(X_test)[:, 0].tolist(), float(X_train.sum().sum())""",
    """features = [c for c in $F.columns if c != 'left' and str($F[c].dtype)[:3] in ('int', 'flo')]
line = LinearRegression().fit($F[features].fillna(0), $F['left'])
score = float(mean_absolute_error($F['left'], line.predict($F[features].fillna(0)))), line.coef_.tolist()""",
)
_NEW: Final = {
    "F": _FRAMES, "S": _SERIES, "L": _LISTS, "A": _ARRAYS, "N": _NUMBERS, "M": _MODELS, "E": _TOOLS, "P": _FUNCTIONS,
}  # fmt: skip


def drawn_notebook(seed: int, folder: Path, *, length: int = 25) -> Notebook:
    """A notebook that runs in `folder`; its last statement binds `score`."""
    draw = random.Random(seed)
    names: dict[str, Any] = {}
    cells = [
        _HEAD,
        _data(draw),
        "np.random.seed(7)\nlimit = 5\nSEED = 1\nmodel = DecisionTreeClassifier(random_state=0)",
    ]
    for cell in cells:
        _execute(cell, names)
    sources, weights = [text for _, text in _IDIOMS], [weight for weight, _ in _IDIOMS]
    while len(cells) < length:
        text = _filled(draw.choices(sources, weights)[0], names, draw)
        if text is not None and _execute(text, names):
            cells.append(text)
    for _ in range(20):
        end = _filled(draw.choice(_ENDS), names, draw)
        if end is not None and _execute(end, names):
            cells.append(end)
            break
    return notebook_of(*cells, folder=folder)


def value_of(notebook: Notebook, numbers: Iterable[int], name: str) -> str:
    """What a name holds, as text, once these statements have run in order with nothing else; or what they raised."""
    names: dict[str, Any] = {}
    random.seed(123)
    np.random.seed(123)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in sorted(numbers):
            statement = notebook.statements[number]
            try:
                exec(compile(statement.source, f"<statement {number}>", "exec"), names)
            except Exception as error:  # noqa: BLE001 - whatever a drawn statement raises is what came of it
                return f"raised by {statement.source!r}: {error!r}"
    return repr(names[name]) if name in names else f"raised: {name} was never bound"


def _execute(text: str, names: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tried = dict(names)
        try:
            exec(compile(text, "<cell>", "exec"), tried)
        except Exception:  # noqa: BLE001 - whatever an idiom raises, it does not fit here
            return False
    names.update(tried)
    return True


def _data(draw: random.Random) -> str:
    def some(values: list[str]) -> str:
        return repr([draw.choice(values) for _ in range(_ROWS)])

    return _DATA.format(
        ages=", ".join(draw.choice(["np.nan", *map(str, range(18, 60))]) for _ in range(_ROWS)),
        fares=", ".join(str(round(draw.random() * 50, 2)) for _ in range(_ROWS)),
        towns=some(["a", "b", "c"]),
        sexes=some(["f", "m"]),
        left=repr([place % 2 if place < 6 else draw.randint(0, 1) for place in range(_ROWS)]),
    )


def _filled(text: str, names: dict[str, Any], draw: random.Random) -> str | None:
    """The idiom with names that are there; None where it needs something that is not."""
    there = {
        "F": [name for name, value in names.items() if isinstance(value, pd.DataFrame) and name in _FRAMES],
        "S": [name for name, value in names.items() if isinstance(value, pd.Series) and name in _SERIES],
        "L": [name for name, value in names.items() if isinstance(value, list) and name in _LISTS],
        "A": [name for name, value in names.items() if isinstance(value, np.ndarray) and name in _ARRAYS],
        "N": [name for name, value in names.items() if isinstance(value, int | float) and name in _NUMBERS],
        "M": [name for name, value in names.items() if hasattr(value, "predict") and name in _MODELS],
        "E": [name for name, value in names.items() if hasattr(value, "transform") and name in _TOOLS],
        "P": [name for name, value in names.items() if callable(value) and name in _FUNCTIONS],
    }
    there["G"] = there["F"]
    chosen: dict[str, str] = {f"N{kind}": draw.choice(pool) for kind, pool in _NEW.items()}
    for kind, pool in there.items():
        if pool:
            chosen[kind] = draw.choice(pool)
    if "F" not in chosen:
        return None
    table = names[chosen["F"]]
    numeric = [
        name for name, kind in zip(table.columns, table.dtypes, strict=True) if kind.kind in "if" and name != "left"
    ]
    texts = [str(each) for each in table.columns if each in ("town", "sex")]
    if numeric:
        chosen["C"] = draw.choice(numeric)
    if texts:
        chosen["T"] = draw.choice(texts)
    chosen["I"] = str(draw.randint(0, 3))
    try:
        return string.Template(text).substitute(chosen)
    except KeyError:
        return None
