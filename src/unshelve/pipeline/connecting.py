"""The one place that makes a connection of a secret: `unshelve secret set crm` sets the one named "crm"."""

from __future__ import annotations

import re
from typing import Final

from unshelve.data.connections import Connection, connection_of
from unshelve.errors import NotFound, Refused
from unshelve.security.secrets import secret


def secret_name(name: str) -> str:
    """The name of the secret behind a connection: "crm-eu" is CRM_EU. Refused for a name that cannot be one."""
    made = name.upper().replace("-", "_")
    if not _NAME.fullmatch(made):
        raise Refused(
            f"{name[:80]!r} cannot be the name of a connection.",
            code="connection-name",
            hint='Use letters, digits, - and _, such as "crm". The address itself does not stand in the solution.',
        )
    return made


def connection(name: str) -> Connection:
    """The connection of a name, read at this moment. NotFound says how to set it."""
    wanted = secret_name(name)
    try:
        return connection_of(name, secret(wanted))
    except NotFound:
        raise NotFound(
            f"The connection {name} is not set.",
            code="connection-not-set",
            hint=f"Set its address with `unshelve secret set {name}`, or in the environment as "
            f"UNSHELVE_SECRET_{wanted}.",
        ) from None


_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
