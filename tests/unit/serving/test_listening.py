"""The listening socket: shared by those who should, refused to everybody else."""

from __future__ import annotations

import socket

import pytest

from unshelve.errors import Conflict, Refused
from unshelve.serving.listening import listen


def test_a_port_in_use_is_named_with_a_free_one_nearby() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Conflict) as refused:
            listen("127.0.0.1", port)

    free = refused.value.details["free"]
    assert (refused.value.details["port"], str(port) in str(refused.value)) == (port, True)
    assert isinstance(free, int)
    listen("127.0.0.1", free).close()


def test_a_port_is_shared_with_processes_of_the_same_home() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]

        with listen("127.0.0.1", port, beside=frozenset({port})) as second:
            assert second.getsockname()[1] == port


@pytest.mark.parametrize(
    ("host", "port"), [("no such host", 0), ("203.0.113.7", 0), ("127.0.0.1", 70_000), ("127.0.0.1", -1)]
)
def test_an_address_that_cannot_be_listened_on_is_refused(host: str, port: int) -> None:
    with pytest.raises(Refused):
        listen(host, port)


def test_the_other_protocol_is_listened_on_too() -> None:
    try:
        sock = listen("::1", 0)
    except Refused:
        pytest.skip("this machine has no IPv6")
    with sock:
        assert sock.family is socket.AF_INET6
