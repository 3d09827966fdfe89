"""A share of the streams over its connections: whom it hears, and how streams are dealt."""

import asyncio
from collections.abc import Sequence
from typing import Final, cast

import pytest

from genesis.clock import EngineClock
from genesis.data.events import ConnectionNotice
from genesis.exchange.stream_connection import AnyStreamConnection, StreamConnection
from genesis.exchange.websocket_manager import Tenure
from genesis.ipc.board import BoardPageWriter, Counter
from genesis.limits import STREAM_CONNECTIONS_MAX, STREAMS_PER_CONNECTION_MAX, SUBSCRIBE_SPACING
from genesis.units import Nanos
from tests.support.exchange_builders import quiet_log
from tests.support.market_frames import ticker
from workers.feed_session import Messages, StreamSession
from workers.feed_streams import FrameIntake, StreamLink, deal_streams

NAMES: Final = ("btcusdt@bookTicker",)


class Intake:
    """Stands for the feed: notes what it is given and told."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.interrupted = 0

    def receive(self, messages: Messages, _received_at: Nanos) -> list[ConnectionNotice]:
        """Take frames."""
        self.messages += messages
        return []

    def interrupt(self, _stream_names: Sequence[str]) -> None:
        """Take note of a gap."""
        self.interrupted += 1

    def heard_at(self, _stream_name: str) -> Nanos:
        """Say that nothing was heard yet."""
        return 0


class Board:
    """Stands for the page of the status board."""

    def add(self, _counter: Counter) -> None:
        """Count nothing."""


class MuteWire:
    """A connection that is open and takes no request."""

    close_rcvd = None
    close_sent = None

    def __init__(self) -> None:
        self.protocol = self

    def write_text(self, _payload: bytes) -> bool:
        """Refuse."""
        return False

    async def until_closed(self) -> str:
        """Stay open."""
        await asyncio.Event().wait()
        return ""


async def test_a_connection_that_was_given_up_is_heard_no_more() -> None:
    """It is still open for a moment; what comes by it meanwhile must not make it the one in use."""
    intake, clock = Intake(), EngineClock.start()
    link = StreamLink(
        "ws://127.0.0.1:1/stream",
        NAMES,
        cast("FrameIntake", intake),
        connection_type=StreamConnection,
        clock=clock,
        log=quiet_log(),
        board=cast("BoardPageWriter", Board()),
        on_oversize=lambda: None,
    )
    session = StreamSession(
        NAMES,
        spacing=SUBSCRIBE_SPACING,
        on_messages=link._receive,
        heard_at=intake.heard_at,
        clock=clock,
        log=quiet_log(),
    )
    session.connection = cast("AnyStreamConnection", MuteWire())
    session.receive([ticker(1)], clock.now())

    why = await link.serve(session, Tenure(lambda: None, lambda _: None))
    session.receive([ticker(2)], clock.now())

    assert "took no subscription" in why
    assert intake.messages == [ticker(1)]
    assert intake.interrupted == 1


def test_streams_are_dealt_to_few_connections() -> None:
    """Each full one is followed by the next; neighbors stay together."""
    names = [f"s{number}@trade" for number in range(STREAMS_PER_CONNECTION_MAX + 1)]
    assert deal_streams(names) == [tuple(names[:-1]), (names[-1],)]


def test_more_streams_than_connections_take_are_refused() -> None:
    """One address may have so many connections, and no more."""
    most = STREAM_CONNECTIONS_MAX * STREAMS_PER_CONNECTION_MAX
    with pytest.raises(ValueError, match="more than"):
        deal_streams(["s@trade"] * (most + 1))
