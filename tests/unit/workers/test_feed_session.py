"""One connection of the feed: what it asks for, keeps, and asks for again."""

import asyncio
from typing import Final, cast

import msgspec
import pytest
from websockets.frames import Close, CloseCode

from genesis.clock import EngineClock
from genesis.data.events import ShutdownNotice, SubscriptionReply
from genesis.exchange.stream_connection import AnyStreamConnection
from genesis.exchange.websocket_manager import Tenure
from genesis.limits import OVERLAP_FRAMES_MAX, SUBSCRIBE_SPACING, SUBSCRIPTION_PATIENCE
from genesis.units import NANOS_PER_SECOND, Nanos
from tests.support.exchange_builders import Json, quiet_log
from tests.support.market_frames import ticker
from workers.feed_session import Messages, StreamSession

DEADLINE_S: Final = 20
NAMES: Final = ("btcusdt@trade", "btcusdt@bookTicker")


class Wire:
    """Stands for the connection: keeps what was written, or takes nothing."""

    def __init__(self, clock: EngineClock) -> None:
        self.written: list[dict[str, Json]] = []
        self.is_open = True
        self.later: Nanos = 0
        self.protocol = self
        self.close_rcvd: Close | None = None
        self.close_sent: Close | None = None
        self.changed = asyncio.Event()
        self._clock = clock

    def write_text(self, payload: bytes) -> bool:
        """Keep one request; then it is `later`, if the test says so."""
        if self.is_open:
            self.written.append(msgspec.json.decode(payload))
            self._clock.offset += self.later
            self.later = 0
            self.changed.set()
        return self.is_open

    async def several(self, count: int) -> list[dict[str, Json]]:
        """Wait for so many requests."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.written) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.written


class Scene:
    """A session on a wire, and what it said to the one that manages it."""

    def __init__(self) -> None:
        self.clock = EngineClock.start()
        self.wire = Wire(self.clock)
        self.heard_at: dict[str, Nanos] = {}
        self.successors_wanted: list[str] = []
        self.tenure = Tenure(lambda: None, self.successors_wanted.append)
        self.session = StreamSession(
            NAMES,
            spacing=SUBSCRIBE_SPACING,
            on_messages=self._take,
            heard_at=lambda name: self.heard_at.get(name, 0),
            clock=self.clock,
            log=quiet_log(),
        )
        self.session.connection = cast("AnyStreamConnection", self.wire)

    def _take(self, session: StreamSession, messages: Messages, received_at: Nanos) -> None:
        session.keep(messages, received_at)


async def test_what_is_kept_comes_back_whole_and_in_order() -> None:
    """Frames about the connection itself are not among it: they cannot wait."""
    session = Scene().session
    answer = b'{"result":null,"id":1}'
    assert session.keep([ticker(1), answer, ticker(2)], 5) == [answer]
    assert session.keep([ticker(3)], 6) == []
    assert session.be_heard(7) == [([ticker(1), ticker(2)], 5), ([ticker(3)], 6)]
    assert session.be_heard(8) == []


async def test_what_is_kept_is_bounded() -> None:
    """A successor that cannot take over is told so before it fills the memory."""
    session = Scene().session
    session.keep([ticker(1)] * (OVERLAP_FRAMES_MAX - 1), 5)
    assert not session.is_full
    session.receive([ticker(1)], 6)
    assert session.is_full


async def test_it_speaks_when_it_is_answered_and_brings_something() -> None:
    """Neither an acknowledged subscription nor a stray frame alone is a sign of life."""
    scene = Scene()
    asking = asyncio.create_task(scene.session.keep_subscribed())
    await scene.wire.several(1)
    scene.session.keep([ticker(1)], 5)
    assert not scene.session.is_speaking
    scene.session.take_notices([SubscriptionReply(1, "")])
    assert scene.session.is_speaking
    scene.session.be_heard(6)
    assert not scene.session.is_speaking
    asking.cancel()


async def test_a_subscription_that_stays_silent_is_asked_for_again() -> None:
    """The venue acknowledged all, and one of two streams never came."""
    scene = Scene()
    scene.session.be_heard(scene.clock.now())
    scene.heard_at[NAMES[1]] = scene.clock.now() + SUBSCRIPTION_PATIENCE
    scene.wire.later = SUBSCRIPTION_PATIENCE + NANOS_PER_SECOND
    asking = asyncio.create_task(scene.session.keep_subscribed())
    first, second = await scene.wire.several(2)
    asking.cancel()
    assert (first["method"], first["params"]) == ("SUBSCRIBE", list(NAMES))
    assert (second["method"], second["params"]) == ("SUBSCRIBE", [NAMES[0]])
    assert not scene.successors_wanted


@pytest.mark.parametrize("is_relieved", [False, True])
async def test_a_connection_without_a_word_wants_a_successor(
    is_relieved: bool,  # noqa: FBT001, a case of the table
) -> None:
    """Unless it has one: then nobody listens to it."""
    scene = Scene()
    scene.session.begin(scene.tenure)
    scene.session.be_heard(scene.clock.now())
    scene.session.is_relieved = is_relieved
    scene.wire.later = 2 * SUBSCRIPTION_PATIENCE
    asking = asyncio.create_task(scene.session.keep_subscribed())
    await scene.wire.several(1)
    for _ in range(5):
        await asyncio.sleep(0)
    asking.cancel()
    assert len(scene.successors_wanted) == (not is_relieved)


async def test_a_notice_before_the_connection_is_served_is_not_forgotten() -> None:
    """A server that shuts down may say so in its first breath."""
    scene = Scene()
    scene.session.take_notices([ShutdownNotice(5)])
    assert not scene.successors_wanted
    scene.session.begin(scene.tenure)
    assert len(scene.successors_wanted) == 1


async def test_the_last_word_is_the_answer_to_its_question() -> None:
    """Not any other answer that comes meanwhile."""
    scene = Scene()
    asking = asyncio.create_task(scene.session.say_last_word())
    (question,) = await scene.wire.several(1)
    assert question["method"] == "LIST_SUBSCRIPTIONS"
    scene.session.take_notices([SubscriptionReply(99, "")])
    await asyncio.sleep(0)
    assert not asking.done()
    scene.session.take_notices([SubscriptionReply(1, "")])
    assert await asking


async def test_a_connection_that_is_gone_has_no_last_word() -> None:
    """Neither one that ends while it is asked, nor one that takes no question."""
    scene = Scene()
    asking = asyncio.create_task(scene.session.say_last_word())
    await scene.wire.several(1)
    scene.session.end()
    assert not await asking
    scene.wire.is_open = False
    assert not await scene.session.say_last_word()


async def test_a_connection_that_takes_no_request_is_of_no_use() -> None:
    """The reason is for the log."""
    scene = Scene()
    scene.wire.is_open = False
    assert "took no subscription" in await scene.session.keep_subscribed()


async def test_close_codes_are_understood() -> None:
    """1008 is the venue's word on our haste, 1009 ours on a message of its."""
    scene = Scene()
    assert not scene.session.was_found_too_fast
    assert not scene.session.was_sent_too_much
    scene.wire.close_rcvd = Close(CloseCode.POLICY_VIOLATION, "Too many requests")
    scene.wire.close_sent = Close(CloseCode.MESSAGE_TOO_BIG, "")
    assert scene.session.was_found_too_fast
    assert scene.session.was_sent_too_much
