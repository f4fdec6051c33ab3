"""Every error of unshelve, in one tree.

    UnshelveError
      NotFound (LookupError)            404  what was asked for does not exist
      Refused (ValueError)              422  what was given cannot be accepted
        BadRequest                      400  the request itself cannot be read
          TooSlow                       408  the request did not arrive in time
        MethodNotAllowed                405  that cannot be done with this address
        TooLarge                        413  more was sent than is allowed
        TooMany                         429  it was asked too often in too short a time
          HeadTooLarge                  431  of the request line and headers
        UnsupportedType                 415  the content type is not one that can be read
        SolutionInvalid                 422  the solution file cannot be run as it is
        SchemaMismatch                  422  rows do not fit the Schema
      SignInNeeded (PermissionError)    401  nobody is signed in
      NotAllowed (PermissionError)      403  the actor may not do this
      Conflict                          409  it stands against what is there already
        HomeInUse                       409  another process holds the home
      UserCodeFailed                    422  the solution's own code raised, hung or exited
      Untrusted (PermissionError)       422  bytes that nobody vouches for
      Damaged                           500  what is stored is not what was written
      Unavailable                       503  it cannot be done just now; trying again may help
        StorageFull (OSError)           503  no room is left where something must be written

A message says what was asked, what was found, what is near and what to do next. `near` and `hint` are
kept apart, so that the CLI, the pages and the API can show them in their own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class UnshelveError(Exception):
    """Something went wrong in unshelve."""

    code: ClassVar[str] = "unshelve-error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        near: Sequence[str] = (),
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.subject_code = code or type(self).code
        self.near = tuple(near)
        self.hint = hint
        self.details: Mapping[str, object] = dict(details or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        parts = [self.message]
        if self.near:
            parts.append(f"Did you mean {' or '.join(self.near)}?")
        if self.hint:
            parts.append(self.hint)
        return " ".join(parts)


class NotFound(UnshelveError, LookupError):
    """What was asked for does not exist."""

    code = "not-found"
    status = 404

    __str__ = UnshelveError.__str__


class Refused(UnshelveError, ValueError):
    """What was given cannot be accepted."""

    code = "refused"
    status = 422


class BadRequest(Refused):
    """The request cannot be read."""

    code = "bad-request"
    status = 400


class TooSlow(BadRequest):
    """The request did not arrive in time."""

    code = "request-too-slow"
    status = 408


class MethodNotAllowed(Refused):
    """That cannot be done with this address."""

    code = "method-not-allowed"
    status = 405


class TooLarge(Refused):
    """More was sent than is allowed."""

    code = "too-large"
    status = 413


class HeadTooLarge(TooLarge):
    """The head of the request is larger than is allowed."""

    code = "head-too-large"
    status = 431


class TooMany(Refused):
    """It was asked too often in too short a time."""

    code = "too-many"
    status = 429


class UnsupportedType(Refused):
    """The content type is not one that can be read."""

    code = "unsupported-type"
    status = 415


class SolutionInvalid(Refused):
    """The solution cannot be run as it is."""

    code = "solution-invalid"


class SchemaMismatch(Refused):
    """The rows do not fit the Schema."""

    code = "schema-mismatch"


class SignInNeeded(UnshelveError, PermissionError):
    """Nobody is signed in."""

    code = "sign-in-needed"
    status = 401

    __str__ = UnshelveError.__str__


class NotAllowed(UnshelveError, PermissionError):
    """The actor may not do this."""

    code = "not-allowed"
    status = 403

    __str__ = UnshelveError.__str__


class Conflict(UnshelveError):
    """It stands against what is there already."""

    code = "conflict"
    status = 409


class HomeInUse(Conflict):
    """Another process holds the home."""

    code = "home-in-use"


class UserCodeFailed(UnshelveError):
    """The solution's own code failed."""

    code = "user-code-failed"
    status = 422


class Untrusted(UnshelveError, PermissionError):
    """Nobody vouches for these bytes."""

    code = "untrusted"
    status = 422

    __str__ = UnshelveError.__str__


class Damaged(UnshelveError):
    """What is stored is not what was written."""

    code = "damaged"


class Unavailable(UnshelveError):
    """It cannot be done just now."""

    code = "unavailable"
    status = 503


class StorageFull(Unavailable, OSError):
    """No room is left where something must be written."""

    code = "storage-full"

    __str__ = UnshelveError.__str__
