"""Asks a version at its own route, over HTTP on this machine, as the Proof does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx
import msgspec

from unshelve.errors import Unavailable

TIMEOUT_SECONDS = 120.0


class VersionAsker:
    """One version's own route on an answer process of this machine. A context manager; fulfils proof.Ask."""

    def __init__(self, address: str, key: str, model: str, version: int) -> None:
        self._path = f"/api/models/{model}/versions/{version}/predict"
        self._client = httpx.Client(
            base_url=address,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON of the response. Unavailable when nobody answers at that address."""
        try:
            response = self._client.post(self._path, content=msgspec.json.encode({"rows": rows}))
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The version could not be asked: {type(error).__name__}.", code="proof-interrupted", hint="Run again."
            ) from error
        try:
            body = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            body = {"detail": response.text[:300]}
        return response.status_code, body if isinstance(body, dict) else {"detail": str(body)[:300]}

    def __enter__(self) -> VersionAsker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
