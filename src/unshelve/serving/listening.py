"""The address that a server listens on: bound by control, and shared by its answer processes.

The socket outlives every answer process, so that while one is started again callers wait instead of being refused.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from unshelve.errors import Conflict, Refused

BACKLOG: Final = 2048
_NEARBY: Final = 50
_LAST_PORT: Final = 65_535


def listen(host: str, port: int, *, beside: frozenset[int] = frozenset()) -> socket.socket:
    """A listening socket. Port 0 takes any that is free.

    `beside` holds ports on which answer processes of this home, whose control has died, still listen: there the
    new socket begins to take connections beside the old one. Raises Conflict when somebody else has the port.
    """
    if not 0 <= port <= _LAST_PORT:
        raise Refused(f"{port} is no port: they go from 1 to {_LAST_PORT}.", code="port-unknown")
    family, address = _resolve(host, port)
    try:
        if port not in beside:
            _bind(family, address, share=False).close()
        sock = _bind(family, address, share=True)
    except OSError as error:
        raise _meaning(error, host, port, family) from error
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, OverflowError, UnicodeError) as error:
        raise Refused(f"{host!r} is no address that this machine can listen on.", code="address-unknown") from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _bind(family: socket.AddressFamily, address: tuple[str, int], *, share: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share and hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _meaning(error: OSError, host: str, port: int, family: socket.AddressFamily) -> Conflict | Refused:
    if error.errno == errno.EADDRINUSE:
        free = _free_port(family, host, port)
        return Conflict(
            f"Port {port} of {host} is in use by another program.",
            code="port-in-use",
            hint=f"Port {free} is free: use --port {free}." if free else "Choose another one with --port.",
            details={"port": port, "free": free},
        )
    if error.errno == errno.EACCES:
        return Refused(
            f"This account may not listen on port {port}.", code="port-not-allowed", hint="Use one above 1023."
        )
    return Refused(f"This machine cannot listen on {host}, port {port}: {error.strerror}.", code="address-unusable")


def _free_port(family: socket.AddressFamily, host: str, port: int) -> int | None:
    for near in range(port + 1, min(port + _NEARBY, _LAST_PORT + 1)):
        try:
            _bind(family, (host, near), share=False).close()
        except OSError:
            continue
        return near
    return None
