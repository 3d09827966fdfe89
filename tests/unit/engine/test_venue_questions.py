"""Questions that belong together: put again where that helps, waited with where they are held."""

import asyncio
from typing import Final

from genesis.engine.effects import Reconcile
from genesis.engine.reconciliation import VenueView
from genesis.engine.venue_questions import fetch_view
from genesis.exchange.gateway import Account, NoAnswer
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.builders import VENUE_MS
from tests.support.scripted_gateway import ScriptedGateway

DEADLINE_S: Final = 20
SOON_MS: Final = 40
LONG: Final = 60 * NANOS_PER_SECOND
ASKED: Final = Reconcile(trades_from=(("BTCUSDT", 1),), orders_from=(), movements=0)


class Path(ScriptedGateway):
    """A way to the venue on which the account is held at first, until a time."""

    def __init__(self, held_until_ms: int) -> None:
        super().__init__()
        self._hold: NoAnswer | None = NoAnswer("rate_limit", retry_at_ms=held_until_ms)
        self.waited_s = 0.0
        self._held_at = 0.0

    async def account(self) -> Account | NoAnswer:
        """Hold the first time."""
        time = asyncio.get_running_loop().time
        if self._hold is not None:
            hold, self._hold = self._hold, None
            self._held_at = time()
            self.asked.append("account, held")
            return hold
        self.waited_s = time() - self._held_at
        return await super().account()


async def test_a_question_that_is_held_is_put_when_it_may_be() -> None:
    """A view of many symbols outweighs one window: what was read of it is not thrown away."""
    path = Path(VENUE_MS + SOON_MS)
    async with asyncio.timeout(DEADLINE_S):
        view = await fetch_view(ASKED, LONG, path)
    assert isinstance(view, VenueView)
    assert path.asked == [
        "time",
        "open_orders None",
        "trades_since BTCUSDT 1",
        "account, held",
        "account",
    ]
    assert path.waited_s * 1_000 >= SOON_MS / 2, "what had passed since the time was read counts"


async def test_a_hold_that_is_too_long_puts_the_view_off() -> None:
    """Whoever asks is told until when, at once, and nothing more is asked."""
    path = Path(VENUE_MS + SOON_MS)
    answer = await fetch_view(ASKED, NANOS_PER_MS, path)
    assert answer == NoAnswer("rate_limit", retry_at_ms=VENUE_MS + SOON_MS)
    assert path.asked[-1] == "account, held"


async def test_a_venue_whose_clock_may_not_be_asked_is_not_waited_for() -> None:
    """Without its clock nobody knows how long that would be."""
    path = Path(0)
    path.now_ms = NoAnswer("rate_limit", retry_at_ms=VENUE_MS + 1)
    assert await fetch_view(ASKED, LONG, path) == path.now_ms
    assert path.asked == ["time"]
