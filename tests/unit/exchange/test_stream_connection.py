"""The fast path beside the library: the self-test that guards it, and what it falls back to."""

from typing import Unpack

from websockets.client import ClientProtocol

from genesis.exchange.request_connection import Now
from genesis.exchange.stream_connection import (
    LibrarySettings,
    LibraryStreamConnection,
    MessageReceiver,
    StreamConnection,
)
from genesis.exchange.stream_self_test import VERIFIED_MAJOR, choose_connection_type, self_test


class LosesFragments(StreamConnection):
    """As if a release assembled fragments elsewhere."""

    def _collect(self, message: bytes) -> None:
        if b"three" not in message:
            super()._collect(message)


class DeafToPings(StreamConnection):
    """As if a release answered pings in another place."""

    def send_data(self) -> None:
        if self.response is None:
            super().send_data()


class LacksAnInternal(StreamConnection):
    """As if a release renamed what the class looks at."""

    def _update_between_messages(self) -> None:
        raise AttributeError("'ClientProtocol' object has no attribute 'current_size'")


class KnowsNoLimit(StreamConnection):
    """As if the limit of a message were kept in another place."""

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        receiver: MessageReceiver,
        now: Now,
        **library: Unpack[LibrarySettings],
    ) -> None:
        protocol.max_message_size = None
        super().__init__(protocol, receiver=receiver, now=now, **library)


async def test_installed_library_is_fit_for_the_fast_path() -> None:
    """The pinned release passes every scene; else each connection would cost ten times as much."""
    assert choose_connection_type() == (StreamConnection, "")


async def test_unknown_release_line_is_not_trusted() -> None:
    """Another major release may have changed anything: everything goes through the library."""
    connection_type, fault = choose_connection_type(f"{int(VERIFIED_MAJOR) + 1}.0")

    assert connection_type is LibraryStreamConnection
    assert "not of the verified release line" in fault


async def test_self_test_sees_lost_fragments() -> None:
    """A message that came in pieces has to arrive."""
    assert "fragments" in self_test(LosesFragments)


async def test_self_test_sees_unanswered_pings() -> None:
    """The venue closes a connection that answers no pings."""
    assert "pongs" in self_test(DeafToPings)


async def test_self_test_sees_missing_internals() -> None:
    """What the class leans on has to be there."""
    assert "no attribute 'current_size'" in self_test(LacksAnInternal)


async def test_self_test_sees_missing_limits() -> None:
    """A message without end must not be collected in memory."""
    assert "oversize" in self_test(KnowsNoLimit)
