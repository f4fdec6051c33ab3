"""Every address of the pages and the API, in one table: who may use it, what it takes, what answers.

The addresses of predictions, `/api/models/{model}/predict` and `/v2/…`, are answered by the answer processes.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

from unshelve.registry.solutions import solutions
from unshelve.schema.schema import Schema
from unshelve.security.permissions import Action
from unshelve.web.api import changing, inviting, reading, secrets
from unshelve.web.api.openapi import document
from unshelve.web.asked import Asked
from unshelve.web.pages import (
    asking,
    entering,
    house,
    lifting,
    models,
    notebook,
    people,
    predictions,
    programs,
    runs,
    schemas,
    version,
)
from unshelve.web.pages import solutions as solution_pages
from unshelve.web.route import Route, Takes
from unshelve.web.solution_facts import facts_of


def openapi(asked: Asked) -> Response:
    """The API as an OpenAPI document."""
    answering: dict[str, tuple[str, Schema]] = {}
    with asked.site.database.read() as connection:
        found = [facts_of(connection, one.name) for one in solutions(connection)]
    for facts in found:
        for step in facts.answering:
            known = asking.released(asked, facts, step)
            if known is not None:
                answering[facts.full(step.name)] = (step.title, known.schema)
    made = document(ROUTES, answering, asked.address)
    return Response(msgspec.json.encode(made), media_type="application/json")


PUBLIC: Final = frozenset(
    {"sign-in", "sign-in-by-password", "link", "sign-in-by-link", "static", "theme", "live", "ready"}
)
"""The routes that need nobody. The table and this list must agree, or the application does not start."""

_HOUSE: Final = (
    Route(method="GET", path="/static/{name}", action=Action.ENTER, handler=house.static, name="static"),
    Route(method="POST", path="/theme", action=Action.ENTER, handler=house.theme, name="theme", takes=Takes.FORM),
    Route(method="GET", path="/health/live", action=Action.ENTER, handler=house.live, name="live"),
    Route(method="GET", path="/health/ready", action=Action.ENTER, handler=house.ready, name="ready"),
    Route(method="GET", path="/gallery", action=Action.SEE, handler=house.gallery, name="gallery"),
)

_ENTERING: Final = (
    Route(method="GET", path="/sign-in", action=Action.ENTER, handler=entering.sign_in, name="sign-in"),
    Route(
        method="POST",
        path="/sign-in",
        action=Action.ENTER,
        handler=entering.sign_in_by_password,
        name="sign-in-by-password",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/sign-in/link/{secret}", action=Action.ENTER, handler=entering.link, name="link"),
    Route(
        method="POST",
        path="/sign-in/link/{secret}",
        action=Action.ENTER,
        handler=entering.sign_in_by_link,
        name="sign-in-by-link",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/sign-out",
        action=Action.OWN_ACCOUNT,
        handler=entering.sign_out,
        name="sign-out",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/welcome", action=Action.OWN_ACCOUNT, handler=entering.welcome, name="welcome"),
    Route(
        method="POST",
        path="/welcome",
        action=Action.OWN_ACCOUNT,
        handler=entering.choose_password,
        name="choose-password",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/me", action=Action.OWN_ACCOUNT, handler=entering.account, name="account", twin=True),
    Route(
        method="POST",
        path="/me/password",
        action=Action.OWN_ACCOUNT,
        handler=entering.change_password,
        name="change-password",
        takes=Takes.FORM,
    ),
)

_PEOPLE: Final = (
    Route(method="GET", path="/users", action=Action.MANAGE_USERS, handler=people.people, name="users", twin=True),
    Route(
        method="POST",
        path="/users",
        action=Action.MANAGE_USERS,
        handler=people.invite,
        name="invite",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/link",
        action=Action.MANAGE_USERS,
        handler=people.new_link,
        name="new-link",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/role",
        action=Action.MANAGE_USERS,
        handler=people.set_role,
        name="set-role",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/disable",
        action=Action.MANAGE_USERS,
        handler=people.lock,
        name="lock",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/enable",
        action=Action.MANAGE_USERS,
        handler=people.unlock,
        name="unlock",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/keys", action=Action.OWN_KEYS, handler=people.key_list, name="keys", twin=True),
    Route(
        method="POST", path="/keys", action=Action.OWN_KEYS, handler=people.make_key, name="make-key", takes=Takes.FORM
    ),
    Route(
        method="POST",
        path="/keys/{key}/revoke",
        action=Action.OWN_KEYS,
        handler=people.revoke_key,
        name="revoke-key",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/audit", action=Action.SEE_AUDIT, handler=people.audit_chain, name="audit", twin=True),
)

_SOLUTIONS: Final = (
    Route(method="GET", path="/", action=Action.SEE, handler=solution_pages.home, name="home"),
    Route(
        method="GET",
        path="/solutions",
        action=Action.SEE,
        handler=solution_pages.listing,
        name="solutions",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}",
        action=Action.SEE,
        handler=solution_pages.overview,
        name="solution",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/pipeline",
        action=Action.SEE,
        handler=solution_pages.pipeline,
        name="pipeline",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/notebook",
        action=Action.SEE,
        handler=notebook.notebook,
        name="notebook",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/notebook/again",
        action=Action.RUN,
        handler=lifting.again,
        name="lifting",
        twin=True,
    ),
    Route(
        method="POST",
        path="/solutions/{solution}/notebook/again",
        action=Action.RUN,
        handler=lifting.start,
        name="lift-again",
        takes=Takes.FORM,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/schema",
        action=Action.SEE,
        handler=schemas.schema_of_solution,
        name="schema-of-solution",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/ask",
        action=Action.ASK,
        handler=asking.ask_solution,
        name="ask-solution",
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/api",
        action=Action.SEE,
        handler=programs.api_solution,
        name="api-of-solution",
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/predictions",
        action=Action.SEE_LOG,
        handler=predictions.of_solution,
        name="predictions-of-solution",
        twin=True,
    ),
    Route(
        method="GET", path="/solutions/{solution}/runs", action=Action.SEE, handler=runs.listing, name="runs", twin=True
    ),
    Route(
        method="POST",
        path="/solutions/{solution}/runs",
        action=Action.RUN,
        handler=runs.start,
        name="start-run",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/runs/{run}", action=Action.SEE, handler=runs.one, name="run", twin=True),
    Route(
        method="POST", path="/runs/{run}/stop", action=Action.RUN, handler=runs.stop, name="stop-run", takes=Takes.FORM
    ),
    Route(method="GET", path="/runs/{run}/tasks/{task}/log", action=Action.SEE, handler=runs.log, name="log"),
    Route(method="GET", path="/runs/{run}/charts/{name}.svg", action=Action.SEE, handler=house.picture, name="picture"),
    Route(
        method="GET", path="/runs/{run}/charts/{name}", action=Action.SEE, handler=house.chart, name="chart", twin=True
    ),
)

_MODELS: Final = (
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

_API: Final = (
    Route(
        method="GET",
        path="/api/openapi.json",
        action=Action.SEE,
        handler=openapi,
        name="api-openapi",
    ),
    Route(
        method="GET",
        path="/api/solutions",
        action=Action.SEE,
        handler=reading.solution_list,
        name="api-solutions",
        summary="All solutions",
    ),
    Route(
        method="GET",
        path="/api/solutions/{solution}",
        action=Action.SEE,
        handler=reading.solution,
        name="api-solution",
        summary="One solution with its steps and findings",
    ),
    Route(
        method="GET",
        path="/api/solutions/{solution}/runs",
        action=Action.SEE,
        handler=reading.run_list,
        name="api-runs",
        summary="The runs of a solution, newest first",
    ),
    Route(
        method="POST",
        path="/api/solutions/{solution}/runs",
        action=Action.RUN,
        handler=changing.start_run,
        name="api-start-run",
        takes=Takes.JSON,
        summary="Queue a run",
    ),
    Route(
        method="GET",
        path="/api/runs/{run}",
        action=Action.SEE,
        handler=reading.run,
        name="api-run",
        summary="One run with its tasks, measures and versions",
    ),
    Route(
        method="POST",
        path="/api/runs/{run}/stop",
        action=Action.RUN,
        handler=changing.stop_run,
        name="api-stop-run",
        takes=Takes.JSON,
        summary="Stop a run",
    ),
    Route(
        method="GET",
        path="/api/models",
        action=Action.SEE,
        handler=reading.model_list,
        name="api-models",
        summary="Everything that can be asked",
    ),
    Route(
        method="GET",
        path="/api/models/{model}",
        action=Action.SEE,
        handler=reading.model,
        name="api-model",
        summary="One model or endpoint with its versions and champion history",
    ),
    Route(
        method="GET",
        path="/api/models/{model}/versions/{number}",
        action=Action.SEE,
        handler=reading.version,
        name="api-version",
        summary="One version with its evaluation, gates, Proof and Schema",
    ),
    Route(
        method="POST",
        path="/api/models/{model}/promote",
        action=Action.RELEASE,
        handler=changing.promote,
        name="api-promote",
        takes=Takes.JSON,
        summary="Let a version answer everybody",
    ),
    Route(
        method="POST",
        path="/api/models/{model}/rollback",
        action=Action.RELEASE,
        handler=changing.rollback,
        name="api-rollback",
        takes=Takes.JSON,
        summary="Let the version answer that answered before",
    ),
    Route(
        method="POST",
        path="/api/models/{model}/retire",
        action=Action.RELEASE,
        handler=changing.retire,
        name="api-retire",
        takes=Takes.JSON,
        summary="Let no version answer any more",
    ),
    Route(
        method="POST",
        path="/api/models/{model}/files",
        action=Action.UPLOAD,
        handler=changing.score,
        name="api-score",
        takes=Takes.FILE,
        summary="Score a file; it comes back with columns added",
    ),
    Route(
        method="GET",
        path="/api/predictions",
        action=Action.SEE_LOG,
        handler=reading.prediction_list,
        name="api-predictions",
        summary="The newest answers",
    ),
    Route(
        method="GET",
        path="/api/predictions/{prediction}",
        action=Action.SEE_LOG,
        handler=reading.prediction,
        name="api-prediction",
        summary="One answer",
    ),
    Route(
        method="GET",
        path="/api/keys",
        action=Action.OWN_KEYS,
        handler=reading.key_list,
        name="api-keys",
        summary="API keys, without their secrets",
    ),
    Route(
        method="POST",
        path="/api/keys",
        action=Action.OWN_KEYS,
        handler=changing.make_key,
        name="api-make-key",
        takes=Takes.JSON,
        summary="Make a key, shown once",
    ),
    Route(
        method="DELETE",
        path="/api/keys/{key}",
        action=Action.OWN_KEYS,
        handler=changing.revoke_key,
        name="api-revoke-key",
        summary="Revoke a key",
    ),
    Route(
        method="GET",
        path="/api/users",
        action=Action.MANAGE_USERS,
        handler=reading.user_list,
        name="api-users",
        summary="The people who may sign in",
    ),
    Route(
        method="POST",
        path="/api/users",
        action=Action.MANAGE_USERS,
        handler=inviting.invite,
        name="api-invite",
        takes=Takes.JSON,
        summary="Invite a person, with a link that works once",
    ),
    Route(
        method="POST",
        path="/api/users/{user}/link",
        action=Action.MANAGE_USERS,
        handler=inviting.link,
        name="api-user-link",
        takes=Takes.JSON,
        summary="Another sign-in link for a person, by id or name",
    ),
    Route(
        method="POST",
        path="/api/users/{user}/role",
        action=Action.MANAGE_USERS,
        handler=inviting.set_role,
        name="api-user-role",
        takes=Takes.JSON,
        summary="Give a person another role",
    ),
    Route(
        method="POST",
        path="/api/users/{user}/disable",
        action=Action.MANAGE_USERS,
        handler=inviting.disable,
        name="api-user-disable",
        takes=Takes.JSON,
        summary="Let a person in no more",
    ),
    Route(
        method="POST",
        path="/api/users/{user}/enable",
        action=Action.MANAGE_USERS,
        handler=inviting.enable,
        name="api-user-enable",
        takes=Takes.JSON,
        summary="Let a person in again",
    ),
    Route(
        method="GET",
        path="/api/secrets",
        action=Action.MANAGE_SECRETS,
        handler=secrets.secret_list,
        name="api-secrets",
        summary="The names of the secrets that are kept",
    ),
    Route(
        method="POST",
        path="/api/secrets/{secret}",
        action=Action.MANAGE_SECRETS,
        handler=secrets.keep,
        name="api-keep-secret",
        takes=Takes.JSON,
        summary="Keep a secret",
    ),
    Route(
        method="DELETE",
        path="/api/secrets/{secret}",
        action=Action.MANAGE_SECRETS,
        handler=secrets.forget,
        name="api-forget-secret",
        summary="Forget a secret",
    ),
    Route(
        method="GET",
        path="/api/audit",
        action=Action.SEE_AUDIT,
        handler=reading.audit_list,
        name="api-audit",
        summary="The audit chain, newest first",
    ),
)

ROUTES: Final[tuple[Route, ...]] = (*_HOUSE, *_ENTERING, *_PEOPLE, *_SOLUTIONS, *_MODELS, *_API)
"""The whole table. Tests walk it: each route as nobody, as every role, and with a key."""
