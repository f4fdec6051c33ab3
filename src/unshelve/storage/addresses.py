"""Addresses of object stores, read and checked before anything is asked: `s3://bucket/prefix?region=eu-central-1`.

An address stands in settings, logs, pages and errors, so it never holds a credential: those come from the
environment, by the names that each provider's own tools use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from unshelve.errors import Refused

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_SECRETS: Final = re.compile(r"key|secret|token|password|passwd|pwd|credential|sig$|sas|signature", re.IGNORECASE)

_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "s3": frozenset({"endpoint", "region", "anonymous", "virtual_host"}),
    "az": frozenset({"endpoint", "account", "anonymous"}),
    "gs": frozenset({"endpoint", "anonymous"}),
}
_SWITCHES: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

CREDENTIALS: Final[Mapping[str, str]] = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or a role of the machine)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or a SAS token, a client secret, an identity)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or the account of the machine)",
}
"""Where each provider's credentials are looked for."""


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """Where objects lie: the provider, a bucket (a container, for Azure), and what all names in it begin with."""

    scheme: str
    bucket: str
    prefix: str
    endpoint: str = ""
    """Where the provider's interface is, for others than the provider itself."""
    region: str = ""
    account: str = ""
    anonymous: bool = False
    virtual_host: bool = False

    @property
    def name(self) -> str:
        """The address for people, without options."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def scheme_of(address: str) -> str:
    """What stands before `://`, in small letters; empty for a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", address)
    return found[1].lower() if found else ""


def object_address(address: str) -> ObjectAddress:
    """An address of S3 (`s3`), Azure (`az`) or Google Cloud (`gs`) in its parts.

    Raises Refused for another form, an option that is not known, and anything that looks like a credential, which
    is not repeated in the message.
    """
    scheme = scheme_of(address)
    if scheme not in _OPTIONS:
        raise Refused(
            "An address of objects begins with s3://, az:// or gs://.",
            code="address-unreadable",
            near=difflib.get_close_matches(scheme, _OPTIONS, n=1),
        )
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise _credential(scheme)
    if not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise Refused(
            f"An address of objects names a bucket: {scheme}://BUCKET/PREFIX. This one does not.",
            code="address-unreadable",
        )
    prefix = unquote(parts.path).strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/") if prefix) or not prefix.isprintable():
        raise Refused(
            f"The part after the bucket in {scheme}://{parts.netloc}/… is no plain path.", code="address-unreadable"
        )
    given = _options(scheme, parts.query)
    return ObjectAddress(
        scheme,
        parts.netloc,
        prefix,
        endpoint=_endpoint(scheme, given.get("endpoint", "")),
        region=given.get("region", ""),
        account=given.get("account", ""),
        anonymous=_switch("anonymous", given.get("anonymous", "false")),
        virtual_host=_switch("virtual_host", given.get("virtual_host", "false")),
    )


def _options(scheme: str, query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _OPTIONS[scheme]:
            given[name] = value
        elif _SECRETS.search(name):
            raise _credential(scheme)
        else:
            known = sorted(_OPTIONS[scheme])
            raise Refused(
                f"{name[:40]!r} is no option of an {scheme}:// address; there are {', '.join(known)}.",
                code="address-option-unknown",
                near=difflib.get_close_matches(name, known, n=1),
            )
    return given


def _endpoint(scheme: str, text: str) -> str:
    """An http(s) address of a host, without a name or password in it."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        port_is_good = False
        parts = urlsplit("")
    if "@" in parts.netloc or parts.query:
        raise _credential(scheme)
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good or parts.fragment:
        raise Refused(
            "The endpoint of an object store is http://HOST:PORT or https://HOST:PORT. This one is not.",
            code="address-unreadable",
        )
    return text.rstrip("/")


def _switch(name: str, text: str) -> bool:
    found = _SWITCHES.get(text.lower())
    if found is None:
        raise Refused(f"{name} in an address is true or false.", code="address-unreadable")
    return found


def _credential(scheme: str) -> Refused:
    return Refused(
        f"An {scheme}:// address may not hold a credential: addresses are shown and logged.",
        code="credential-in-address",
        hint=f"Take it out of the address and set {CREDENTIALS[scheme]} in the environment of the server.",
    )
