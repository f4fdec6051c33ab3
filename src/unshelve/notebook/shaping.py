"""From a watched notebook to the steps of a solution whose requests are raw rows.

Asked from the end: the model needs the rows it was fitted on, these are a transform of what was kept of the source,
and so on. A version of a table becomes a step of its own where rows are dropped, where something is learned from it,
and where it is divided; what lies between goes into one function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from unshelve.notebook.bench import NO_INFO, Bench
from unshelve.notebook.bodies import Body, Param, Rewritten, lines_of, names_for, returning
from unshelve.notebook.dividing import Division, asked_rows
from unshelve.notebook.draft import NOTHING_HELD_OUT, CannotShape, Draft
from unshelve.notebook.editing import Edit, edited, reads, renamed, text_of
from unshelve.notebook.freezing import freeze, rewriting
from unshelve.notebook.naming import GENERIC, slug
from unshelve.notebook.request_rows import by_name, without_target
from unshelve.notebook.row_steps import keep_step, source_step, state_step, transform_step
from unshelve.notebook.seen import Version
from unshelve.notebook.target_step import target_columns, target_edits, target_step, version_part, with_made_of


class Shaper(Bench):
    def shape(self) -> Draft:
        """The steps up to the model. Raises CannotShape, with the reason, where this form cannot be written."""
        source_step(self)
        if self.parts.y is not None:
            self.stands_in = target_columns(self)
            self.hidden = with_made_of(self, self.stands_in)
            self.edits, self.removals = target_edits(self)
            target_step(self)
        self._features()
        split = self._split() if self.parts.split is not None else self._nothing_held_out()
        self._pair_parts()
        self._model(split)
        draft = Draft(entry="raw", top=sorted(self.tops), steps=list(self.made.values()), model=self.model)
        draft.features, draft.own_rows = self.features, self.own_rows
        draft.left_out = dict.fromkeys(self.edits, "edits the target, which a step of its own does")
        return draft

    def resolve(self, version: Version) -> Param | None:
        found = self.known.get(version)
        if found is not None:
            return found
        makers, name = version
        if len(makers) != 1:
            return None
        (maker,) = makers
        role = self.seen.roles[maker]
        rows = (maker, name) in self.seen.rowed
        if maker in self.parts.dividing:
            return None  # where only the rows of both sides together are wanted: the whole under another name
        copied = self._copied(maker, name) if rows and role == "rows" else None
        if copied is not None:
            return copied
        if rows and role == "keep" and not (self.inlining and maker in self.parts.after):
            return self.known_as(version, keep_step(self, maker, name))
        if rows and version in self.cuts:
            step = transform_step(self, maker, name)
            self.known[version] = Param(step, self.made_of.get(step, ""))
            return self.known[version]
        if not rows and role in ("rows", "keep"):
            self.rewrite(maker)  # a call that fits as well: its state becomes a step
            return self.known.get(version)
        if self.inlining and maker in self.parts.after:
            return None
        if not rows and role == "state":
            return self.known_as(version, state_step(self, maker, name))
        if role == "split":
            raise CannotShape(f"{name} comes of a division of the rows that was not understood", maker)
        return None

    def _copied(self, number: int, name: str) -> Param | None:
        """The step of a table of which a statement only makes a copy under another name."""
        tree = self.seen.trees[number]
        value = tree.value if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "copy":
            value = value.func.value
        if not isinstance(value, ast.Name) or value.id == name or not self.seen.is_rows(number, value.id):
            return None
        return self.resolve(self.version(number, value.id))

    def rewrite(self, number: int) -> Rewritten:
        found = self.rewritten.get(number)
        if found is None:
            found = self.rewritten[number] = rewriting(self, number)
        return found

    def _features(self) -> None:
        wanted = self.parts.x
        expression = wanted.expression
        if isinstance(expression, ast.Name) and self.collector().makers(wanted.statement, expression.id):
            version: Version = (self.collector().makers(wanted.statement, expression.id), expression.id)
            known = self.known.get(version)
            if known is None and len(version[0]) == 1:
                (maker,) = version[0]
                if self.seen.roles[maker] != "keep":
                    self.cuts.add(version)
                    wish = "" if self.later or self.parts.same_way else "features"
                    self.known[version] = Param(transform_step(self, maker, expression.id, wish))
            step = self.cut(version).step
            made_later = isinstance(self.parts.split, Division) and self.later
            if self.hidden and self.made[step].kind in ("source", "keep") and not made_later:
                step = self._passed_on(step)
                self.known[version] = Param(step)
        else:
            step = self._features_of(wanted.statement, expression)
        self.features = step
        for each in self.parts.x_versions:
            self.known[each] = Param(step, version_part(self.parts, each))

    def _passed_on(self, table: str) -> str:
        """A transform of a table that a model takes as it is: the target's column is hidden from it."""
        name = self.names.give("features")
        body = Body(params={table: Param(table)})
        self.add(
            name, "transform", body, [f"return {table}"], title="What the model sees: the table without the target"
        )
        return name

    def _features_of(self, number: int, expression: ast.expr) -> str:
        source = self.seen.source(number)
        text = f"features = {text_of(source, expression)}"
        for table in reads(expression) & self.seen.tables(number):
            columns = (self.seen.before(number, table) or NO_INFO).columns
            if columns:
                text = by_name(text, table, columns, self.hidden)
        shorter = without_target(text, self.hidden) if self.hidden else text
        rewritten = freeze(self, number, shorter or text, self.seen.tables(number))
        collector = self.collector()
        body = collector.collect(
            [
                (number, each)
                for each in sorted(reads(ast.parse(rewritten.text or "")))
                if each in self.seen.flow.needs[number]
            ]
        )
        body.extra.update({step: Param(step) for step in rewritten.steps})
        body.params = {each: Param(param.step) for each, param in body.params.items()}
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self.rewrite, names)
        value = renamed((rewritten.text or "").removeprefix("features = "), names)
        step = self.names.give("features")
        self.add(step, "transform", body, [*lines, f"return {value}"], title="What the model sees of a row")
        return step

    def _split(self) -> str:
        split = self.parts.split
        if isinstance(split, Division):
            return self._division(split)
        assert split is not None
        table = self._labelled(self.features)
        words = dict(split.words)
        body = Body(params={table: Param(table)})
        if "stratify" in words and self.target:
            words["stratify"] = self.target
            body.params[self.target] = Param(self.target)
        elif "stratify" in words:
            raise CannotShape("the division is stratified by something that is not the target", split.statement)
        for text in words.values():
            for name in reads(ast.parse(text)) - body.params.keys():
                self.collector().top(self.seen.makers(split.statement, name))
        body.inline = {split.statement}
        given = ", ".join([f"{table}.index", *(f"{word}={text}" for word, text in words.items())])
        name = self.names.give("parts")
        self.collector().top(self.seen.makers(split.statement, split.function.partition(".")[0]))
        step = self.add(
            name, "split", body, [f"return {split.function}({given})"], title="Rows to learn from, and rows to judge by"
        )
        step.parameters = [table, *([self.target] if self.target in body.params else [])]
        return name

    def _division(self, division: Division) -> str:
        """The author's own statements that divide a table, or its labels where they divide an array."""
        number, whole = division.whole
        version = self.version(number, whole)
        table = self._labelled(self.known[version].step if version in self.known else self.features)
        collector = self.collector(rewritten=False)
        known = {version: Param(table)}
        collector.resolve = lambda each: known.get(each)
        if not self.hidden & {word for each in division.statements for word in _words(self.seen.trees[each])}:
            collector.skipped = self.edits | self.removals
        body = collector.collect([], own=division.statements)
        names = names_for(self.seen, body)
        if division.framed:
            train, test = (names.get(each.name, each.name) for each in (division.train, division.test))
            lines, value = lines_of(self.seen, body, self.as_written, names), f"{train}.index, {test}.index"
        else:
            lines = lines_of(self.seen, body, self.as_written, {**names, whole: f"{table}.index"})
            value = f"{division.train.name}, {division.test.name}"
        body.params = {whole: Param(table)}
        name = self.names.give("parts")
        title = "Rows to learn from, and rows to judge by"
        self.add(name, "split", body, [*lines, f"return {value}"], title=title)
        return name

    def _nothing_held_out(self) -> str | None:
        """A division that leaves all rows on both sides, as in the notebook; None where there is no target."""
        if self.parts.y is None:
            return None
        table = self._labelled(self.features)
        name = self.names.give("parts")
        lines = [f"return {table}.index, {table}.index"]
        self.add(name, "split", Body(params={table: Param(table)}), lines, title=NOTHING_HELD_OUT)
        return name

    def _labelled(self, step: str) -> str:
        """The nearest table on a step's way whose rows have labels: a keep, or the source."""
        while self.made[step].kind == "transform":
            above = next((each for each in self.made[step].parameters if self.has_rows(each)), None)
            if above is None:
                raise CannotShape(f"{step} is made of no table that has rows")
            step = above
        return step

    def _pair_parts(self) -> None:
        """What was made of the training rows and, by the same words, of the test rows: one transform for both."""
        for train, test in self.later:
            last = test == self.later[-1][1]
            if last and test not in self.known and len(test[0]) == 1:
                self.cuts.add(test)
                self.known[test] = Param(transform_step(self, min(test[0]), test[1], "features"))
            step = self.cut(test).step
            self.known[train] = Param(step, "_train")
            self.known[test] = Param(step, "_test")
            self.features = step
        if self.parts.same_way is not None:
            asked = self.parts.same_way[1]
            self.features = self._features_of(asked.statement, asked.expression)
        else:
            self._as_asked()

    def _as_asked(self) -> None:
        """Where the rows that the model was asked about were made by words of their own, these are what a request's
        rows go through.
        """
        asked = asked_rows(self.seen, self.choice)
        if asked is None or self.parts.split is None:
            return
        version = self.version(*asked)
        if version in self.known or len(version[0]) != 1 or min(version[0]) not in self.parts.after:
            return
        step = transform_step(self, min(version[0]), version[1], "features")
        self.known[version] = Param(step, "_test")
        self.features = step

    def _model(self, split: str | None) -> None:
        model = self.choice.model
        number = model.statement
        self.inlining = True
        last = number if model.taken is None else model.taken
        collector = self.collector(rewritten=False)
        collector.rewrite = self._fitting
        body = collector.collect([], own=[last])
        if self.parts.same_way is not None:
            body.extra[f"{self.features}_train"] = Param(self.features, "_train")
        if split is not None:  # a whole table holds the test rows too; what is asked of it here are its columns
            for each, param in body.params.items():
                if not param.part and self.made[param.step].kind == "transform":
                    body.params[each] = Param(param.step, "_train")
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._fitting, names)
        value = names.get(model.variable, model.variable)
        about = self.target or self.entry.name
        wish = model.variable if model.variable not in GENERIC and len(model.variable) > 3 else f"{about}_model"
        name = self.names.give(slug(wish), f"{about}_model")
        options = f'split="{split}"' if split is not None else ""
        title = f"{model.type.rpartition('.')[2]}: {self.target or 'groups'} from {self.features}"
        step = self.add(name, "model", body, returning(lines, value), title=title, options=options)
        first = [each for each in step.parameters if each.removesuffix("_train") == self.features]
        rest = [each for each in step.parameters if each not in first and each.removesuffix("_train") != self.target]
        y = [each for each in step.parameters if each.removesuffix("_train") == self.target]
        if not first:  # fitted on what was made of the training rows alone, and asked about rows as they come
            self.own_rows = True
            first = [f"{self.features}_train" if split is not None else self.features]
        step.parameters = [*first, *y, *rest]
        self.model = name
        self.known[(frozenset({last}), model.variable)] = Param(name)

    def _fitting(self, number: int) -> Rewritten:
        """A statement of the model's body: the fit takes rows as the last transform gives them."""
        source = self.seen.source(number)
        if self.parts.same_way is None or number != self.choice.model.statement:
            return Rewritten(source)
        return Rewritten(edited(source, [Edit(self.parts.same_way[0], f"{self.features}_train")]))


def _words(tree: ast.stmt) -> Iterator[str]:
    """Texts and attributes that a statement says: columns that it may read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Attribute):
            yield node.attr
