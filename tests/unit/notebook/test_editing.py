"""Changes to the text of a statement."""

from __future__ import annotations

import ast

from unshelve.notebook.bodies import returning
from unshelve.notebook.editing import Edit, calls, edited, renamed, text_of
from unshelve.notebook.request_rows import by_name, without_target

COLUMNS = ("id", "age", "income", "left")
HIDDEN = frozenset({"left"})


def test_a_text_that_went_over_lines_in_brackets_stays_whole() -> None:
    def value(source: str) -> str:
        tree = ast.parse(source).body[0]
        assert isinstance(tree, ast.Assign)
        return text_of(source, tree.value)

    assert value("y = (df\n  .assign(a=1)\n  .b)") == "(df\n  .assign(a=1)\n  .b)"
    assert value("y = f(1,\n  2)") == "f(1,\n  2)"
    assert returning(["y = (df", "  .assign(a=1))"], "y") == ["return (df", "  .assign(a=1))"]


def test_names_change_where_they_are_meant_and_nowhere_else() -> None:
    source = "df['df'] = df.apply(lambda df: df.x, axis=1)  # df"
    assert renamed(source, {"df": "rows"}) == "rows['df'] = rows.apply(lambda df: df.x, axis=1)  # df"


def test_variables_of_comprehensions_keep_their_names() -> None:
    assert renamed("[x for x in x]", {"x": "y"}) == "[x for x in y]"


def test_text_beyond_ascii_is_cut_at_the_right_places() -> None:
    source = "größe['é'] = größe['é'].mean()"
    call = next(calls(ast.parse(source)))
    assert text_of(source, call) == "größe['é'].mean()"
    assert edited(source, [Edit(call, "m")]) == "größe['é'] = m"


def test_of_nested_changes_the_outer_counts() -> None:
    tree = ast.parse("f(g(x))").body[0]
    assert isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Call)
    assert edited("f(g(x))", [Edit(tree.value.args[0], "1"), Edit(tree.value, "2")]) == "2"


def test_the_target_is_taken_out_of_what_is_dropped() -> None:
    assert without_target("X = df.drop(['id', 'left'], axis=1)", HIDDEN) == "X = df.drop(['id'], axis=1)"
    assert without_target("X = df.drop('left', axis=1)", HIDDEN) == "X = df"
    assert without_target("X = df.drop(columns=['left'])", HIDDEN) == "X = df"


def test_a_statement_that_only_drops_the_target_has_nothing_left_to_do() -> None:
    assert without_target("X = df[['id', 'left']]", HIDDEN) == "X = df[['id']]"
    assert without_target("X = df.loc[:, ['id', 'left']].copy()", HIDDEN) == "X = df.loc[:, ['id']].copy()"
    assert without_target("df.drop(columns=['left'], inplace=True)", HIDDEN) is None
    assert without_target("del df['left']", HIDDEN) is None


def test_positions_become_names_without_the_target() -> None:
    assert by_name("X = df.iloc[:, :-1].values", "df", COLUMNS, HIDDEN) == 'X = df[["id", "age", "income"]].values'
    assert by_name("X = df.iloc[:, 1:]", "df", COLUMNS, HIDDEN) == 'X = df[["age", "income"]]'
    assert by_name("y = df.iloc[:, -1]", "df", COLUMNS, frozenset()) == 'y = df["left"]'


def test_positions_that_leave_rows_out_stay() -> None:
    source = "X = df.iloc[:100, 1:]"
    assert by_name(source, "df", COLUMNS, HIDDEN) == source
