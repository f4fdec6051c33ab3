"""Asks an answer process over HTTP on this machine: the Proof, pages and files that control passes on do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx
import msgspec

from unshelve.errors import Refused, SchemaMismatch, Unavailable, UnshelveError
from unshelve.serving.reply import COPIES_HEADER, ROUTE_HEADER

TIMEOUT_SECONDS = 120.0


class VersionAsker:
    """One model's or version's route on an answer process of this machine. A context manager; fulfils proof.Ask."""

    def __init__(
        self,
        address: str,
        bearer: str,
        model: str,
        version: int | None,
        *,
        route: str = "",
        copies: Mapping[str, str] | None = None,
    ) -> None:
        own = f"/versions/{version}" if version is not None else ""
        self._path = f"/api/models/{model}{own}"
        self._client = httpx.Client(
            base_url=address,
            headers={
                "authorization": f"Bearer {bearer}",
                "content-type": "application/json",
                **({ROUTE_HEADER: route} if route else {}),
                **({COPIES_HEADER: msgspec.json.encode(copies).decode()} if copies else {}),
            },
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON of the response. Unavailable when nobody answers at that address."""
        return self._post(rows, "predict")

    def lookups(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        """The same of what lookups give for these rows."""
        return self._post(rows, "lookups")

    def _post(self, rows: Sequence[Mapping[str, Any]], what: str) -> tuple[int, dict[str, Any]]:
        try:
            response = self._client.post(f"{self._path}/{what}", content=msgspec.json.encode({"rows": rows}))
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The version could not be asked: {type(error).__name__}.", code="asking-interrupted", hint="Try again."
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


class ReleaseAsker:
    """Asks and gives the answers alone; a problem that was reported is raised as the error that it is."""

    def __init__(
        self,
        address: str,
        bearer: str,
        model: str,
        version: int | None = None,
        *,
        route: str = "",
        copies: Mapping[str, str] | None = None,
    ) -> None:
        self._ask = VersionAsker(address, bearer, model, version, route=route, copies=copies)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each row. Raises SchemaMismatch, NotAllowed … as the answer process reported them."""
        status, body = self._ask(rows)
        if status == 200:
            answers: list[dict[str, Any]] = body["answers"]
            return answers
        raise _error(status, body)

    def lookups(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What lookups give for each row, by lookup."""
        status, body = self._ask.lookups(rows)
        if status == 200:
            found: list[dict[str, Any]] = body["lookups"]
            return found
        raise _error(status, body)


def _error(status: int, body: Mapping[str, Any]) -> UnshelveError:
    code = str(body.get("code") or "refused")
    kind: type[UnshelveError] = SchemaMismatch if code == SchemaMismatch.code else Refused
    if status == 503:
        kind = Unavailable
    near = body.get("near")
    error = kind(
        str(body.get("detail") or body.get("title") or f"The answer process said {status}."),
        code=code,
        near=near if isinstance(near, list) else (),
        hint=body.get("hint"),
        details={"problems": body.get("problems") or []},
    )
    error.status = status  # type: ignore[misc]
    return error
