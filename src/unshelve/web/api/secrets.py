"""Secrets, for programs: kept and forgotten here, never read."""

from __future__ import annotations

import http
from pathlib import Path

from starlette.responses import Response

from unshelve.security.audit import append
from unshelve.security.secrets import remove_secret, secret_names, set_secret
from unshelve.web.api.changing import order_of
from unshelve.web.api.reading import answered
from unshelve.web.api.shapes import SecretOrder, SecretShape
from unshelve.web.asked import Asked


def secret_list(asked: Asked) -> Response:
    """The names of the secrets that are kept here."""
    return answered({"secrets": [SecretShape(name=name) for name in secret_names(_folder(asked))]})


def keep(asked: Asked) -> Response:
    """Keeps a secret, in place of what was kept under its name."""
    name = asked.part("secret")
    value = order_of(asked, SecretOrder).value
    # The entry and the file stand or fall together: what cannot be written takes the entry back.
    with asked.site.database.write() as connection:
        append(connection, asked.who, "set secret", name, {}, now=asked.now)
        set_secret(_folder(asked), name, value)
    return answered(SecretShape(name=name))


def forget(asked: Asked) -> Response:
    """Forgets a secret."""
    name = asked.part("secret")
    with asked.site.database.write() as connection:
        append(connection, asked.who, "remove secret", name, {}, now=asked.now)
        remove_secret(_folder(asked), name)
    return Response(status_code=http.HTTPStatus.NO_CONTENT)


def _folder(asked: Asked) -> Path:
    return asked.site.keys / "secrets"
