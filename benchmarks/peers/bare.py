"""The least that an ASGI application can do under the same server: what HTTP alone costs."""

from __future__ import annotations

from typing import Any

BODY = b'{"answers":[{"label":true,"score":0.36}]}'
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send(HEAD)
    await send({"type": "http.response.body", "body": BODY})
