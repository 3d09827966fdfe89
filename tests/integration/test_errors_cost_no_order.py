"""Every error that the venue may answer with, met by a trading engine: what it did.

Engine, gateway and venue are the real ones. After each scene both books are held against each
other: no order was executed twice, none is lost.
"""

from typing import Final

import pytest

from genesis.domain.orders import OrderState
from genesis.engine.account_summary import summarize
from genesis.engine.state_machine import EngineState
from genesis.units import NANOS_PER_SECOND
from genesis.venue import refusals
from genesis.venue.fault_terms import Fault
from genesis.venue.request_faults import Answered, ErrorPage, RequestCut
from genesis.venue.stream_faults import EventLost
from tests.support.error_codes import (
    EXECUTION_UNKNOWN,
    FORBIDDEN,
    NO_PROOF,
    REFUSED,
    RETRYABLE,
)
from tests.support.faults import LocalFaults
from tests.support.trader import FAR_BELOW, Trader, trading_at_a_venue
from tests.support.venue import api_client, fixed
from tests.support.venue_books import SYMBOL, books_agree, orders_at
from tests.support.venue_orders import resting_order

PLACEMENT: Final = "order.place"
SOON_MS: Final = 100.0
SHORT_MS: Final = 500
"""A receive window: no fence is waited for longer than it must be."""
UNHEARD_OF: Final = "A text that nobody has ever seen."
UNSEEN: Final = EventLost(times=0)
"""What became of an order is told by no event, but only when asked for."""


def executed_unseen() -> tuple[Fault, Fault]:
    """Return faults by which the next order is filled, and nobody tells so."""
    return Answered(method=PLACEMENT, code=-1007, executed=True), UNSEEN


async def leap_until_canceled(trader: Trader) -> None:
    """Let the last order's time pass, and whatever time is between one cancel and the next."""

    def is_canceled() -> bool:
        trader.leap(2 * NANOS_PER_SECOND)
        return trader.state() is OrderState.CANCELED

    trader.leap(60 * NANOS_PER_SECOND)
    await trader.until(is_canceled)


async def buys_again(trader: Trader) -> None:
    """Show that the engine trades."""
    await trader.buy()
    await trader.until(lambda: trader.state() is OrderState.FILLED)


@pytest.mark.parametrize("code", REFUSED)
async def test_a_final_refusal_ends_the_order(code: int) -> None:
    """It is told as it came, nothing follows it, and the next order is filled."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(Answered(method=PLACEMENT, code=code))
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.REJECTED)
        refused = trader.order()
        assert refused is not None
        assert refused.reason.startswith(f"{code}: ")
        await buys_again(trader)
        assert trader.order(attempt=2, signal_number=1) is None
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize("code", FORBIDDEN)
async def test_who_may_not_trade_stops(code: int) -> None:
    """The key will be no better with the next order: nothing more is opened in this life."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(Answered(method=PLACEMENT, code=code))
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.REJECTED)
        await trader.until(lambda: trader.engine.state is EngineState.REDUCING)
        assert f"{code}: " in summarize(trader.core, trader.clock.now()).halt_reason
        await trader.buy()
        assert trader.core.ledger.state.refusals == {"engine_state": 1}
        assert await books_agree(trader, server) == {}


@pytest.mark.parametrize("code", RETRYABLE)
async def test_a_refusal_for_now_is_followed_by_a_new_order(code: int) -> None:
    """The refused order has ended; another one, under an id of its own, is filled in its place."""
    fault = Answered(method=PLACEMENT, code=code, retry_after_ms=SOON_MS)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(fault)
        await trader.buy()
        await trader.until(lambda: trader.state(attempt=2) is OrderState.FILLED)
        assert trader.state() is OrderState.REJECTED
        (executed,) = await books_agree(trader, server)
        assert executed == "G00-7-1-1-20"


@pytest.mark.parametrize("code", EXECUTION_UNKNOWN)
async def test_an_order_that_may_have_been_executed_is_looked_up(code: int) -> None:
    """It was, and no event told so: a query finds it, and its fills are booked."""
    fault = Answered(method=PLACEMENT, code=code, executed=True, delay_ms=20.0)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(fault, UNSEEN):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.FILLED)
            await trader.until(lambda: trader.position() > 0)
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        *(ErrorPage(method=PLACEMENT, status=status, executed=True) for status in (500, 502, 504)),
        ErrorPage(method=PLACEMENT, status=503, executed=True, delay_ms=20.0),
        RequestCut(method=PLACEMENT, executed=True),
    ],
    ids=["500", "502", "504", "503 before it is executed", "connection cut"],
)
async def test_an_order_without_an_answer_is_looked_up(fault: Fault) -> None:
    """It was executed; what came instead of an answer, or nothing, says no word of that."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(fault, UNSEEN):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.FILLED)
            await trader.until(lambda: trader.position() > 0)
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [*((code, "") for code in (*EXECUTION_UNKNOWN, *NO_PROOF)), (-2010, UNHEARD_OF)],
)
async def test_an_order_that_was_not_executed_is_proven_dead(code: int, text: str) -> None:
    """It is in doubt until the time fence, and nothing takes its place before or after."""
    fault = Answered(method=PLACEMENT, code=code, text=text)
    async with trading_at_a_venue(SYMBOL, recv_window_ms=SHORT_MS) as (trader, server, _):
        async with LocalFaults(server).during(fault):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.OUTCOME_UNKNOWN)
        await trader.until(lambda: trader.state() is OrderState.NOT_EXECUTED)
        assert await books_agree(trader, server) == {}
        assert trader.order(attempt=2) is None


async def test_a_duplicate_is_the_first_one_alive() -> None:
    """-2010 "Duplicate order sent." says that an order of this id is open: it is looked up."""
    name = "G00-7-1-1-10"
    async with trading_at_a_venue(SYMBOL) as (trader, server, address):
        async with LocalFaults(server).during(UNSEEN), api_client(address) as other:
            price = f"{FAR_BELOW // fixed('1')}.00"
            await other.result("order.place", **resting_order(name, price=price))
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        await leap_until_canceled(trader)
        assert list(await books_agree(trader, server)) == [name]


@pytest.mark.parametrize("code", [-2011, *EXECUTION_UNKNOWN, *RETRYABLE, -1022])
async def test_a_cancel_is_repeated_until_the_order_has_ended(code: int) -> None:
    """Whatever the venue says instead of yes, the order is looked at and canceled once more."""
    fault = Answered(method="order.cancel", code=code, retry_after_ms=SOON_MS)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        async with LocalFaults(server).during(fault):
            await leap_until_canceled(trader)
        assert len(await books_agree(trader, server)) == 1


async def test_a_cancel_that_was_executed_unseen_is_found() -> None:
    """No reply and no event told so: the query does."""
    fault = Answered(method="order.cancel", code=-1007, executed=True)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        async with LocalFaults(server).during(fault, UNSEEN):
            await leap_until_canceled(trader)
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize("code", [-1002, -1022, -1121, -2013, *EXECUTION_UNKNOWN, *RETRYABLE])
async def test_a_query_is_repeated_until_it_is_answered(code: int) -> None:
    """An order in doubt stays so, with its risk reserved, until the venue says what it is."""
    fault = Answered(method="order.status", code=code, times=2, retry_after_ms=SOON_MS)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(fault, *executed_unseen()):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.OUTCOME_UNKNOWN)
            await trader.until(lambda: trader.state() is OrderState.FILLED)
        assert len(await books_agree(trader, server)) == 1


async def test_an_order_that_a_query_does_not_find_yet_is_not_lost() -> None:
    """-2013 just behind a placement proves nothing: the venue's lists lag."""
    hidden = Answered(method="order.status", code=-2013, times=0, for_ms=600.0)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(hidden, *executed_unseen()):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.OUTCOME_UNKNOWN)
            assert len(orders_at(server)) == 1
            await trader.until(lambda: trader.state() is OrderState.FILLED)
        assert len(await books_agree(trader, server)) == 1


async def test_an_archived_order_never_was() -> None:
    """-2026 is an end without a fill; the fence is waited for all the same."""
    archived = Answered(method="order.status", code=-2026, times=0)
    async with trading_at_a_venue(SYMBOL, recv_window_ms=SHORT_MS) as (trader, server, _):
        async with LocalFaults(server).during(archived, Answered(method=PLACEMENT, code=-1007)):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.OUTCOME_UNKNOWN)
            await trader.until(lambda: trader.state() is OrderState.NOT_EXECUTED)
        assert await books_agree(trader, server) == {}


@pytest.mark.parametrize(
    "text", [refusals.INSUFFICIENT_BALANCE, refusals.MARKET_CLOSED, refusals.THIN_BOOK]
)
async def test_the_engines_words_are_final(text: str) -> None:
    """-2010 says by its text alone what it proves; these prove that nothing was executed."""
    fault = Answered(method=PLACEMENT, code=-2010, text=text)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(fault):
            await trader.buy()
            await trader.until(lambda: trader.state() is OrderState.REJECTED)
        await buys_again(trader)
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize(
    "text",
    ["This account may not place or cancel orders.", "This action is disabled on this account."],
)
async def test_an_account_that_may_not_trade_stops(text: str) -> None:
    """-2010 may be about the account, too."""
    fault = Answered(method=PLACEMENT, code=-2010, text=text)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(fault):
            await trader.buy()
            await trader.until(lambda: trader.engine.state is EngineState.REDUCING)
        assert text in trader.core.entries_stopped
        assert await books_agree(trader, server) == {}


@pytest.mark.parametrize("code", [-1000, -1007, -1022, -2015])
async def test_books_that_cannot_be_read_are_read_later(code: int) -> None:
    """What the account holds is asked again; a venue without an answer proves no difference."""
    fault = Answered(method="account.status", code=code, times=2)
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await buys_again(trader)
        async with LocalFaults(server).during(fault):
            await trader.engine.compare()
            await trader.engine.compare()
            assert trader.engine.state is EngineState.RUNNING
            assert len(await books_agree(trader, server)) == 1
