"""`genesis.venue.connection`: who is at the other end."""

import asyncio

import pytest

from genesis.venue.connection import client_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [(("127.0.0.1", 9), "127.0.0.1"), (("::1", 9, 0, 0), "::1"), (None, "")],
    ids=["IPv4", "IPv6", "gone"],
)
def test_a_client_is_known_by_its_address(peer: tuple[object, ...] | None, address: str) -> None:
    """One that left before it was taken note of has none."""
    assert client_address(asyncio.BaseTransport({"peername": peer})) == address
