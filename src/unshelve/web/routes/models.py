"""Models and endpoints: their versions, what they are asked, what they answered."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import asking, models, predictions, programs, schemas, version
from unshelve.web.route import Route, Takes

MODELS: Final = (
    Route(method="GET", path="/models/{model}", action=Action.SEE, handler=models.model, name="model", twin=True),
    Route(
        method="GET",
        path="/models/{model}/versions/{number}",
        action=Action.SEE,
        handler=version.version,
        name="version",
        twin=True,
    ),
    Route(
        method="POST",
        path="/models/{model}/promote",
        action=Action.RELEASE,
        handler=models.promote,
        name="promote",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/models/{model}/rollback",
        action=Action.RELEASE,
        handler=models.rollback,
        name="rollback",
        takes=Takes.FORM,
    ),
    Route(
        method="GET",
        path="/models/{model}/schema",
        action=Action.SEE,
        handler=schemas.schema_of_model,
        name="schema",
        twin=True,
    ),
    Route(
        method="GET",
        path="/models/{model}/predictions",
        action=Action.SEE_LOG,
        handler=predictions.of_model,
        name="predictions-of-model",
        twin=True,
    ),
    Route(method="GET", path="/models/{model}/api", action=Action.SEE, handler=programs.api, name="api", twin=True),
    Route(method="GET", path="/models/{model}/ask", action=Action.ASK, handler=asking.ask, name="ask", twin=True),
    Route(
        method="POST",
        path="/models/{model}/ask",
        action=Action.ASK,
        handler=asking.answer,
        name="answer",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/models/{model}/file", action=Action.UPLOAD, handler=asking.file, name="file"),
    Route(
        method="POST",
        path="/models/{model}/file",
        action=Action.UPLOAD,
        handler=asking.score,
        name="score",
        takes=Takes.FILE,
    ),
    Route(
        method="GET",
        path="/predictions/{prediction}",
        action=Action.SEE_LOG,
        handler=predictions.receipt,
        name="receipt",
        twin=True,
    ),
    Route(
        method="POST",
        path="/predictions/{prediction}/again",
        action=Action.TRY_VERSION,
        handler=predictions.again,
        name="again",
        takes=Takes.FORM,
    ),
)
