"""The OpenAPI document, made from the table of routes, the shapes, and the Schemas of what answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from unshelve import __version__
from unshelve.schema.json_schema import to_json_schema
from unshelve.schema.schema import Schema
from unshelve.web.api import shapes
from unshelve.web.route import Route, Takes

Json = dict[str, Any]  # JSON has no smaller type

_REF: Final = "#/components/schemas/{name}"


def document(routes: Sequence[Route], answering: Mapping[str, tuple[str, Schema]], address: str) -> Json:
    """OpenAPI 3.1. `answering` gives, for each model that answers, its title and the Schema of its rows."""
    names = {kind.__name__: kind for kind in _SHAPES.values() if kind is not None} | {
        kind.__name__: kind for kind in _BODIES.values()
    }
    _, components = msgspec.json.schema_components(list(names.values()), ref_template=_REF)
    components["Problem"] = _PROBLEM
    paths: dict[str, Json] = {}
    for route in routes:
        if route.summary:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    for model, (title, schema) in answering.items():
        name = f"Row of {model}".replace(" ", "_")
        components[name] = to_json_schema(schema)
        paths[f"/api/models/{model}/predict"] = {"post": _predict(model, title, name)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "unshelve", "version": __version__},
        "servers": [{"url": address}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key"}},
        },
    }


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", route.path)
        ],
        "responses": {_status(route): _answer(route), "default": _REFUSED},
    }
    body = _BODIES.get(route.name)
    if body is not None:
        operation["requestBody"] = _json_body(_REF.format(name=body.__name__))
    elif route.takes is Takes.FILE:
        operation["requestBody"] = _FILE_BODY
    return operation


def _answer(route: Route) -> Json:
    if route.name not in _SHAPES:
        return {"description": "Done", "content": {"application/octet-stream": {}}}
    shape = _SHAPES[route.name]
    if shape is None:
        return {"description": "Done"}
    reference: Json = {"$ref": _REF.format(name=shape.__name__)}
    if route.name in _LISTS:
        listed = {"type": "array", "items": reference}
        reference = {"type": "object", "required": [_LISTS[route.name]], "properties": {_LISTS[route.name]: listed}}
    return {"description": "Done", "content": {"application/json": {"schema": reference}}}


def _status(route: Route) -> str:
    return _STATUSES.get(route.name, "200")


def _predict(model: str, title: str, row: str) -> Json:
    rows = {"type": "array", "minItems": 1, "items": {"$ref": _REF.format(name=row)}}
    answers = {"type": "array", "items": {"type": "object"}}
    return {
        "operationId": f"predict-{model}",
        "summary": title or f"Ask {model}",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object", "required": ["rows"], "properties": {"rows": rows}}}
            },
        },
        "responses": {
            "200": {
                "description": "One answer for each row, in order",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["model", "answers"],
                            "properties": {"model": {"type": "string"}, "answers": answers},
                        }
                    }
                },
            },
            "default": _REFUSED,
        },
    }


def _json_body(reference: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": reference}}}}


_FILE_BODY: Final[Json] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        }
    },
}
_REFUSED: Final[Json] = {
    "description": "What went wrong (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}},
}
_PROBLEM: Final[Json] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "near": {"type": "array", "items": {"type": "string"}},
        "hint": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
}
_SHAPES: Final[Mapping[str, type[shapes.Struct] | None]] = {
    "api-solutions": shapes.SolutionShape,
    "api-solution": shapes.SolutionDetails,
    "api-runs": shapes.RunShape,
    "api-run": shapes.RunDetails,
    "api-start-run": shapes.RunStarted,
    "api-stop-run": shapes.RunStarted,
    "api-models": shapes.ModelShape,
    "api-model": shapes.ModelDetails,
    "api-version": shapes.VersionDetails,
    "api-promote": shapes.ReleaseShape,
    "api-rollback": shapes.ReleaseShape,
    "api-retire": shapes.ReleaseShape,
    "api-predictions": shapes.PredictionShape,
    "api-prediction": shapes.PredictionShape,
    "api-keys": shapes.KeyShape,
    "api-make-key": shapes.NewKeyShape,
    "api-revoke-key": None,
    "api-secrets": shapes.SecretShape,
    "api-keep-secret": shapes.SecretShape,
    "api-forget-secret": None,
    "api-users": shapes.UserShape,
    "api-invite": shapes.InvitationShape,
    "api-user-link": shapes.InvitationShape,
    "api-user-role": shapes.UserShape,
    "api-user-disable": shapes.UserShape,
    "api-user-enable": shapes.UserShape,
    "api-audit": shapes.AuditShape,
}
_STATUSES: Final = {
    "api-start-run": "202",
    "api-stop-run": "202",
    "api-make-key": "201",
    "api-revoke-key": "204",
    "api-forget-secret": "204",
    "api-invite": "201",
    "api-user-link": "201",
}
"""The status of a success, where it is not 200."""
_LISTS: Final = {
    "api-solutions": "solutions",
    "api-runs": "runs",
    "api-models": "models",
    "api-predictions": "predictions",
    "api-keys": "keys",
    "api-secrets": "secrets",
    "api-users": "users",
    "api-audit": "entries",
}
_BODIES: Final[Mapping[str, type[shapes.Struct]]] = {
    "api-start-run": shapes.RunParameters,
    "api-promote": shapes.Promotion,
    "api-rollback": shapes.Reason,
    "api-retire": shapes.Reason,
    "api-make-key": shapes.KeyOrder,
    "api-invite": shapes.UserOrder,
    "api-user-link": shapes.LinkOrder,
    "api-user-role": shapes.RoleOrder,
    "api-keep-secret": shapes.SecretOrder,
}
