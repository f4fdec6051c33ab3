"""What a request must hold, beside what the training rows had."""

from __future__ import annotations

import pandas as pd
import pytest

from unshelve.data.profile import learn
from unshelve.errors import SchemaMismatch, SolutionInvalid
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Schema
from unshelve.schema.text import write
from unshelve.solution.packing import owned_schema, requiring

TRAIN = pd.DataFrame({"age": [30, None, 50, 41], "city": ["Bern", "Chur", None, "Bern"]})


def test_a_required_column_may_not_be_missing_whatever_training_rows_lack() -> None:
    learned = requiring(learn(TRAIN), ["age"], "left_model")
    assert {one.name: one.missing for one in learned.fields} == {"age": False, "city": True}
    with pytest.raises(SchemaMismatch) as caught:
        decoder(learned).decode_rows([{"age": None, "city": None}])
    assert "age" in str(caught.value) and "city" not in str(caught.value)
    assert decoder(learned).decode_rows([{"age": 33, "city": None}]).columns() == {"age": [33.0], "city": [None]}


def test_a_required_column_that_no_answer_depends_on_is_refused_with_what_is_near() -> None:
    with pytest.raises(SolutionInvalid, match="requires 'agee'") as caught:
        requiring(learn(TRAIN), ["agee"], "left_model")
    assert "age" in str(caught.value)


def test_a_schema_that_a_person_owns_is_held_against_the_rows_that_have_what_is_required() -> None:
    owned = write(requiring(learn(TRAIN), ["age"], "left_model"))
    with pytest.raises(SchemaMismatch, match="age"):
        owned_schema(owned, learn(TRAIN), TRAIN, "left_model")
    assert isinstance(owned_schema(owned, learn(TRAIN), TRAIN.dropna(subset=["age"]), "left_model"), Schema)
