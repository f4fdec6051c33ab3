"""Channel: what control and a worker say to each other, as framed MessagePack over a socket pair.

A frame is its length in four bytes, big-endian, then the message. Both ends run the same version of unshelve;
nothing of this is stored.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

import msgspec

from unshelve.pipeline.executor import Ended, Order, Progressed, Started
from unshelve.pipeline.outcome import StepError

_LENGTH: Final = struct.Struct(">I")
_CHUNK_BYTES: Final = 1 << 16


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first message to a worker: which solution it serves, and where its blobs are."""

    folder: str
    loader: str
    operations: str
    store_opener: str
    store: str


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The worker could not load the solution, and ends."""

    error: StepError


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker has loaded the solution."""


Message = Setup | Order | LoadFailed | Ready | Started | Progressed | Ended

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Message)


def send(connection: socket.socket, message: Message) -> None:
    """Sends one message, waiting until it is handed over."""
    body = _ENCODER.encode(message)
    connection.sendall(_LENGTH.pack(len(body)) + body)


class Inbox:
    """Messages as they come in. With `patient=False` a read that finds nothing gives nothing."""

    def __init__(self, connection: socket.socket, *, patient: bool = True) -> None:
        self._connection = connection
        self._flags = 0 if patient else socket.MSG_DONTWAIT
        self._buffer = bytearray()

    def receive(self) -> list[Message] | None:
        """The messages that one read brings, perhaps none; None when the other end is gone."""
        try:
            chunk = self._connection.recv(_CHUNK_BYTES, self._flags)
        except BlockingIOError:
            return []
        except ConnectionError:
            chunk = b""
        if not chunk:
            return None
        self._buffer += chunk
        messages: list[Message] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(_DECODER.decode(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return messages
