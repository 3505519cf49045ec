"""Ports: the well-known ones, the next ones, and none twice."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from cli.machine.ports import Ports, is_free
from cli.machine.trouble import Trouble


@contextlib.contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[int]:
    with socket.create_server((host, 0)) as server:
        yield int(server.getsockname()[1])


def test_a_free_port_is_given_as_preferred() -> None:
    with listening() as port:
        pass
    with contextlib.closing(Ports()) as ports:
        assert ports.claim(port) == port


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_moves_on_by_ten_so_that_its_last_digit_stays(host: str) -> None:
    with listening(host) as port, contextlib.closing(Ports()) as ports:
        assert not is_free(port)
        got = ports.claim(port)
        assert got != port
        assert got % 10 == port % 10


def test_two_machines_that_start_at_once_get_different_ports() -> None:
    # Neither listens yet: only the claim keeps them apart.
    with contextlib.closing(Ports()) as one, contextlib.closing(Ports()) as other:
        first = one.claim()
        assert other.claim(first) == first + 10


def test_a_claim_ends_with_its_machine() -> None:
    one = Ports()
    first = one.claim()
    one.close()
    with contextlib.closing(Ports()) as other:
        assert other.claim(first) == first


def test_a_port_somebody_asked_for_is_given_or_refused_in_one_sentence() -> None:
    with listening() as port, contextlib.closing(Ports()) as ports, pytest.raises(Trouble, match=f"Port {port} for intake is taken"):
        ports.claim_exactly("intake", port)


def test_a_machine_never_claims_a_port_twice() -> None:
    with contextlib.closing(Ports()) as ports:
        claimed = [ports.claim() for _ in range(50)]
        assert len(set(claimed)) == 50


def test_the_port_of_a_server_that_just_died_is_free_for_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        client = socket.create_connection(("127.0.0.1", port))
        connection, _ = server.accept()
        connection.close()  # The server's side closes first and stays in TIME_WAIT.
        client.close()
    assert is_free(port)
