"""What one statement reads, binds and changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.flow import Touch, flow_of

HEAD = """import numpy as np
import pandas as pd
import random
import matplotlib.pyplot as plt
import os
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
df = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
other = pd.DataFrame({"a": [1]})
array = np.zeros(3)
things = [1, 2]
model = LogisticRegression()
n = 1"""


def last(*cells: str) -> Touch:
    """What the last statement does, after the head."""
    return flow_of(notebook_of(HEAD, *cells, folder=Path("somewhere"))).touches[-1]


def changed(*cells: str) -> set[str]:
    return set(last(*cells).changes)


def read(*cells: str) -> set[str]:
    return {name for name in last(*cells).reads if ":" not in name}


def bound(*cells: str) -> tuple[set[str], set[str]]:
    """Names that the last statement binds for certain, and those that it may bind."""
    touch = last(*cells)
    return set(touch.binds), set(touch.may_bind)


# --- changes in place --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "df['c'] = 1",
        "df.loc[0, 'a'] = 1",
        "df.columns = ['x', 'y']",
        "df.index.name = 'row'",
        "del df['a']",
        "df.drop('a', axis=1, inplace=True)",
        "df.eval('c = a + b', inplace=True)",
        "s = df.pop('a')",
        "df.insert(0, 'c', 1)",
        "df.update(other)",
        "df['a'] += 1",
        "df.fillna(0, inplace=bool(n))",
    ],
)
def test_a_write_into_a_table_changes_it(text: str) -> None:
    assert changed(text) == {"df"}


@pytest.mark.parametrize(
    "text",
    ["df.head()", "df.drop('a', axis=1)", "df.fillna(0, inplace=False)", "x = df.add(1)", "df.sort_values('a')",
     "df.groupby('a').mean()", "x = df[['a']]", "df.eval('a + b')", "df.whatever()"],
)  # fmt: skip
def test_a_look_at_a_table_changes_nothing(text: str) -> None:
    assert changed(text) == set()


def test_a_fit_changes_the_model_and_a_prediction_does_not() -> None:
    assert changed("model.fit(df, n)") == {"model"}
    assert changed("model.predict(df)") == set()
    assert changed("model.score(df, n)") == set()


def test_a_search_changes_itself_alone() -> None:
    assert changed("grid = GridSearchCV(model, {})", "grid.fit(df, n)") == {"grid"}


def test_a_pipeline_changes_what_lies_in_it() -> None:
    assert changed("pipe = Pipeline([('m', model)])", "pipe.fit(df, n)") == {"model", "pipe"}


def test_a_fit_gives_the_model_itself() -> None:
    assert changed("same = model.fit(df, n)\nsame.fit(df, n)") == {"model", "same"}


def test_a_method_that_nobody_knows_changes_its_receiver() -> None:
    assert changed("class Thing: ...\nthing = Thing()", "thing.frobnicate()") == {"thing"}


def test_functions_that_write_into_their_argument_change_it() -> None:
    assert changed("np.put(array, 0, 1)") == {"array"}
    assert changed("np.add(array, 1, out=array)") == {"array"}
    assert changed("array.sort()") == {"array"}


# --- one object by many names ------------------------------------------------------------------------------------


def test_two_names_of_one_table_change_together() -> None:
    assert changed("b = df", "b['c'] = 1") == {"b", "df"}


def test_a_selection_of_a_table_is_another_one() -> None:
    assert changed("b = df[['a']]", "b['c'] = 1") == {"b"}


def test_a_copy_is_another_one() -> None:
    assert changed("b = df.copy()", "b['c'] = 1") == {"b"}


def test_a_slice_of_an_array_sees_the_array() -> None:
    assert changed("b = array[1:]", "b[0] = 1") == {"array", "b"}
    assert changed("b = array.T", "b[0] = 1") == {"array", "b"}


def test_a_selection_of_an_array_by_truth_is_another_one() -> None:
    assert changed("b = array[array > 0]", "b[0] = 1") == {"b"}


def test_names_that_are_unpacked_from_a_pair_follow_their_own_value() -> None:
    assert changed("b, c = df, other", "c['c'] = 1") == {"c", "other"}


def test_an_element_of_a_list_is_the_object_that_was_put_there() -> None:
    assert changed("both = [df, other]", "both[0]['c'] = 1") == {"both", "df", "other"}
    assert changed("both = []\nboth.append(df)", "both[0]['c'] = 1") == {"both", "df"}


def test_the_parts_of_a_division_are_apart() -> None:
    assert changed("one, two = train_test_split(array, random_state=0)", "one[0] = 1") == {"one"}


def test_a_loop_over_tables_changes_them() -> None:
    assert changed("for d in [df, other]:\n    d['c'] = 1") == {"df", "other"}


def test_a_loop_that_only_binds_its_own_name_changes_nothing() -> None:
    assert changed("for d in [df, other]:\n    d = d.fillna(0)") == set()


# --- binding -----------------------------------------------------------------------------------------------------


def test_what_both_branches_bind_is_bound_for_certain() -> None:
    assert bound("if n:\n    a = 1\n    b = 1\nelse:\n    a = 2") == ({"a"}, {"b"})


def test_a_loop_over_a_written_list_runs() -> None:
    assert last("for i in [1, 2]:\n    a = i").binds == {"a", "i"}
    assert last("for i in range(n):\n    a = i").may_bind == {"a", "i"}


def test_what_stands_behind_a_continue_may_not_be_bound() -> None:
    assert bound("for i in [1, 2]:\n    if n:\n        continue\n    a = i") == ({"i"}, {"a"})


def test_a_name_bound_by_try_and_by_its_handler_is_bound() -> None:
    assert bound("try:\n    a = int('x')\n    b = 1\nexcept ValueError:\n    a = 0") == ({"a"}, {"b"})


def test_a_with_runs_its_body_unless_it_swallows_errors() -> None:
    assert "a" in last("with open('x') as f:\n    a = 1").binds
    assert last("import contextlib", "with contextlib.suppress(ValueError):\n    a = 1").may_bind == {"a"}


def test_a_sum_over_a_loop_reads_what_was_there_before() -> None:
    assert "total" in read("total = 0", "for i in [1, 2]:\n    total = total + i")


def test_a_walrus_binds_outside_its_comprehension() -> None:
    assert last("x = [w := i for i in things]").may_bind | last("x = [w := i for i in things]").binds == {"w", "x"}


def test_a_match_binds_what_its_patterns_name() -> None:
    assert {"x", "rest"} <= last("match things:\n    case [x, *rest]:\n        pass").may_bind


# --- reading -----------------------------------------------------------------------------------------------------


def test_variables_of_comprehensions_and_lambdas_are_their_own() -> None:
    assert "n" not in read("x = [n for n in things]") | read("x = lambda n: n")
    assert "n" in read("x = [i + n for i in things]")


def test_a_comprehension_reads_its_first_source_outside() -> None:
    assert "things" in read("x = [things for things in things]")


def test_names_in_a_query_are_read() -> None:
    assert "n" in read("x = df.query('a > @n')")


def test_default_arguments_and_decorators_are_read_at_the_definition() -> None:
    assert {"n", "things"} <= read("def deco(x):\n    return lambda f: f", "@deco(things)\ndef f(a=n):\n    return a")


def test_a_definition_does_not_read_what_its_body_reads() -> None:
    assert "n" not in read("def f():\n    return n")


# --- functions of the notebook -----------------------------------------------------------------------------------


def test_a_call_reads_the_names_of_the_notebook_that_the_function_reads() -> None:
    assert {"f", "g", "n"} <= read("def g():\n    return n\ndef f():\n    return g()", "x = f()")


def test_a_call_changes_what_the_function_changes() -> None:
    assert changed("def f(d):\n    d['c'] = 1", "f(df)") == {"df"}
    assert changed("def f():\n    things.append(1)", "f()") == {"things"}


def test_a_function_that_copies_first_changes_nothing() -> None:
    assert changed("def f(d):\n    d = d.copy()\n    d['c'] = 1\n    return d", "x = f(df)") == set()


def test_a_function_that_gives_its_argument_gives_another_name_of_it() -> None:
    assert changed("def f(d):\n    return d\nb = f(df)", "b['c'] = 1") == {"b", "df"}


def test_a_function_that_declares_a_global_binds_it() -> None:
    assert "n" in last("def f():\n    global n\n    n = 2", "f()").binds


def test_a_function_handed_on_is_called_by_who_gets_it() -> None:
    assert "n" in read("def f(v):\n    return v * n", "x = df['a'].apply(f)")
    assert changed("def f(d):\n    d['c'] = 1", "x = df.pipe(f)") == {"df"}


def test_a_closure_reads_through_the_function_that_made_it() -> None:
    assert "n" in read(
        "def make(k):\n    def inner(v):\n        return v * k * n\n    return inner\nf = make(2)", "f(3)"
    )


def test_a_method_changes_the_objects_that_its_instance_holds() -> None:
    prep = "class Prep:\n    def __init__(self, d):\n        self.d = d\n    def run(self):\n        self.d['c'] = n"
    found = last(f"{prep}\nprep = Prep(df)", "prep.run()")
    assert {"df", "prep"} <= found.changes
    assert "n" in found.reads


def test_a_function_that_calls_itself_is_walked_through_once() -> None:
    assert "n" in read("def f(k):\n    return n if k == 0 else f(k - 1)", "x = f(3)")


def test_a_name_used_by_a_function_before_it_is_defined_is_found_at_the_call() -> None:
    assert "late" in read("def f():\n    return late()", "def late():\n    return 1", "f()")


@pytest.mark.parametrize("text", ["exec('n = 2')", "globals()['n'] = 2", "get_ipython().run_cell('n = 2')"])
def test_text_that_is_executed_touches_everything(text: str) -> None:
    assert "*" in last(text).reads & last(text).changes


def test_a_magic_for_pictures_touches_no_value() -> None:
    assert changed("get_ipython().run_line_magic('matplotlib', 'inline')") == {"settings:figure"}


# --- randomness, files, figures, settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "draws"),
    [
        ("a, b = train_test_split(df)", True),
        ("a, b = train_test_split(df, random_state=None)", True),
        ("a, b = train_test_split(df, random_state=0)", False),
        ("a, b = train_test_split(df, random_state=n)", False),
        ("a, b = train_test_split(df, shuffle=False)", False),
        ("x = np.random.rand(3)", True),
        ("x = random.random()", True),
        ("x = np.random.default_rng(0).random()", False),
        ("x = df.sample(3)", True),
        ("x = df.sample(3, random_state=1)", False),
        ("m = RandomForestClassifier()", False),
        ("RandomForestClassifier().fit(df, n)", True),
        ("RandomForestClassifier(random_state=1).fit(df, n)", False),
        ("cross_val_score(RandomForestClassifier(), df, n)", True),
        ("GridSearchCV(RandomForestClassifier(), {}).fit(df, n)", True),
        ("LogisticRegression().fit(df, n)", False),
        ("LogisticRegression(solver='liblinear').fit(df, n)", True),
    ],
)
def test_what_uses_a_global_generator_touches_it(text: str, draws: bool) -> None:
    assert ("state:random" in last(text).changes) is draws


def test_a_seed_begins_the_generator_anew() -> None:
    assert "state:random" in last("np.random.seed(0)").binds


def test_a_seed_keeps_the_state_of_another_library_that_is_in_use() -> None:
    assert "state:random" in last("random.seed(0)", "np.random.seed(0)").changes


def test_a_generator_of_its_own_is_changed_by_a_draw() -> None:
    assert changed("rng = np.random.RandomState(0)", "x = rng.rand(3)") == {"rng"}
    assert changed("rng = np.random.RandomState(0)", "x = df.sample(1, random_state=rng)") == {"rng"}


def test_files_are_named_where_they_can_be() -> None:
    assert "file:a.csv" in last("df.to_csv('a.csv')").binds
    assert "file:a.csv" in last("x = pd.read_csv('./a.csv')").reads
    assert "file:a.csv" in last("name = 'a' + '.csv'", "x = pd.read_csv(name)").reads
    assert "file:*" in last("name = input()", "x = pd.read_csv(name)").reads


def test_what_is_written_through_a_handle_is_written_to_its_file() -> None:
    assert "file:a.txt" in last("f = open('a.txt', 'w')", "f.write('x')").changes
    assert "file:m.pkl" in last("import pickle", "with open('m.pkl', 'wb') as f:\n    pickle.dump(model, f)").binds


def test_a_picture_touches_the_figure_and_no_value() -> None:
    assert changed("plt.plot(df['a'])") == {"state:figure"}
    assert changed("df.plot()") == {"state:figure"}
    assert changed("df['a'].hist()") == {"state:figure"}


def test_axes_are_changed_with_their_figure() -> None:
    assert changed("fig, ax = plt.subplots()", "ax.set_title('x')") == {"ax", "state:figure"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pd.set_option('display.max_rows', 5)", "settings:looks"),
        ("pd.options.display.max_rows = 5", "settings:looks"),
        ("plt.rcParams['font.size'] = 3", "settings:figure"),
        ("os.environ['A'] = '1'", "settings:environment"),
        ("pd.options.mode.copy_on_write = True", "settings:computing"),
    ],
)
def test_a_setting_touches_the_name_of_its_kind(text: str, name: str) -> None:
    assert changed(text) == {name}


def test_calls_of_libraries_that_nobody_knows_are_said_to_be_assumed() -> None:
    assert last("import mylib", "x = mylib.f(df)").assumed == {"mylib.f"}
    assert last("x = np.log(array)").assumed == set()
