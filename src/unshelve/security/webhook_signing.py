"""How webhooks are signed: Standard Webhooks 1.0, https://www.standardwebhooks.com (section "Signature scheme").

The signature is HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in base64, after `v1,`. Whoever receives it makes the same with
the secret that both know, compares in constant time, and refuses timestamps that are more than some minutes old, so
that a recorded message cannot be sent again later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from unshelve.errors import Refused

PREFIX: Final = "whsec_"
TOLERANCE: Final = timedelta(minutes=5)
_BYTES: Final = 32


def new_signing_secret() -> str:
    """A secret of 256 random bits, in the form that libraries for Standard Webhooks take."""
    return PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def signed_headers(secret: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers of a message: `webhook-id`, `webhook-timestamp` and `webhook-signature`."""
    timestamp = str(int(now.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(secret, message_id, timestamp, body)}",
    }


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raise Refused unless the headers sign this body with this secret, not long ago. What a receiver has to do."""
    given = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise Refused("The message is too old, or of a time that is still to come.", code="webhook-stale")
    wanted = _signature(secret, message_id, timestamp, body)
    for each in given.get("webhook-signature", "").split():
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), wanted.encode()):
            return
    raise Refused("The message is not signed with this secret.", code="webhook-unsigned")


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    message = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(_key(secret), message, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise Refused(
            "The signing secret begins with whsec_, and what follows is no base64.", code="webhook-secret-odd"
        ) from None
