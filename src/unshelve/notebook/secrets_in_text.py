"""Secrets in the text of a notebook: found by their looks or names, and blotted out wherever text is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from unshelve.solution.origin import NotebookFinding

BLOT: Final = "•••"
_NAMED: Final = re.compile(
    r"""(?ix)\b[\w.]*(?:password|passwd|pwd|secret|token(?!i[zs])|api_?key|access_?key|auth(?!or)|credential)[\w]*["']?\]?
    \s*[=:]\s*(?P<quote>["'])(?P<secret>[^"'\n]{6,})(?P=quote)"""
)
_SHAPED: Final = re.compile(
    r"""(?x)(?P<secret>
    AKIA[0-9A-Z]{16} | gh[pousr]_[A-Za-z0-9]{30,} | sk-[A-Za-z0-9_-]{20,} | xox[abprs]-[A-Za-z0-9-]{10,}
    | eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,} | hf_[A-Za-z0-9]{30,}
    )"""
)
_IN_ADDRESS: Final = re.compile(r"\b\w[\w+.-]*://[^\s:/@'\"]+:(?P<secret>[^\s@'\"]+)@")
_IN_QUERY: Final = re.compile(
    r"""(?ix)[?&](?:\w*(?:token|api_?key|access_?key|secret|password|passwd|pwd|signature)|key|sig|auth)
    =(?P<secret>[^&\#\s"']{6,})"""
)
_IN_HEADER: Final = re.compile(r"""\b(?:Bearer|Basic|Token)[ ]+(?P<secret>[A-Za-z0-9._~+/-]{12,}=*)["']""")
_PASSWORD: Final = re.compile(r"(?i)passw|passwd|pwd")

_PLACEHOLDER: Final = re.compile(r"(?i)os\.|<|\{|your|x+$|\*+$|\.+$|change.?me|insert|enter")
"""What stands where a secret goes, and `token_pattern`, which is a parameter of scikit-learn."""


def secrets_in(source: str) -> Iterator[tuple[int, str]]:
    """The line, from 1, and the text of each secret."""
    for pattern in (_NAMED, _SHAPED, _IN_ADDRESS, _IN_QUERY, _IN_HEADER):
        for found in pattern.finditer(source):
            if not _PLACEHOLDER.match(found["secret"]) and "pattern" not in found[0].partition("=")[0].lower():
                yield source.count("\n", 0, found.start("secret")) + 1, found["secret"]


def blotted(source: str) -> str:
    """The source with its secrets replaced by three dots."""
    for _, secret in list(secrets_in(source)):
        source = source.replace(secret, BLOT)
    return source


class Secrets:
    """The secrets of one notebook, to be kept out of all that is written of it."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._texts = {secret for source in sources for _, secret in secrets_in(source)}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def blot(self, text: str) -> str:
        """A text without the notebook's secrets, and without what looks like one."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, BLOT)
        return blotted(text)

    def are_in(self, text: str) -> bool:
        """Whether a text holds one. Plain words are none by themselves: they may stand for something else there, unless
        the text itself calls them a password."""
        named = (each for each in _NAMED.finditer(text) if _PASSWORD.search(each[0].partition("=")[0]))
        if any(not _PLACEHOLDER.match(each["secret"]) for each in named):
            return True
        found = {secret for _, secret in secrets_in(text)} | {secret for secret in self._texts if secret in text}
        return any(len(secret) > 7 and not secret.replace(" ", "").isalpha() for secret in found)


def without_secrets(findings: list[NotebookFinding], secrets: Secrets) -> tuple[NotebookFinding, ...]:
    """The findings without the notebook's secrets, which errors of libraries may repeat."""
    return tuple(
        msgspec.structs.replace(each, message=secrets.blot(each.message), repair=secrets.blot(each.repair))
        for each in findings
    )
