"""A TCP proxy between a client and a real server of a test: it cuts connections, trickles, or refuses them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class TcpProxy:
    """Passes bytes on to a port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.cut_after: int | None = None
        """How many bytes of a client pass before its connection is cut."""
        self.cuts = 0
        """How many connections were cut so far."""
        self.most_cuts: int | None = None
        """How many are cut at all; None for each."""
        self.bytes_per_second: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            back = threading.Thread(target=self._pass_back, args=(server, client), daemon=True)
            back.start()
            passed = 0
            while data := client.recv(65_536):
                passed += len(data)
                if self._cuts(passed):
                    self.cuts += 1
                    return
                if self.bytes_per_second is not None:
                    time.sleep(len(data) / self.bytes_per_second)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _cuts(self, passed: int) -> bool:
        if self.cut_after is None or passed <= self.cut_after:
            return False
        return self.most_cuts is None or self.cuts < self.most_cuts

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if self.bytes_per_second is not None:
                    time.sleep(len(data) / self.bytes_per_second)
                client.sendall(data)


@contextmanager
def proxy_to(port: int) -> Iterator[TcpProxy]:
    """A proxy for as long as the block lasts."""
    proxy = TcpProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
