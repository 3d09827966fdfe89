"""The simulated venue has the traps of the real one."""

import random

import msgspec
import pytest

from genesis.domain.orders import ExecutionReport, OrderState, OrderType, TimeInForce
from genesis.exchange.gateway import (
    Accepted,
    Found,
    NotFound,
    NotOpen,
    Rejected,
    SubmitOutcome,
    Unknown,
    UserEvent,
)
from genesis.units import NANOS_PER_MS, SCALE
from scripts.simulation.faults import SECOND, Faults
from scripts.simulation.schedule import Schedule
from scripts.simulation.venue import Venue
from tests.support.builders import LOT, NOW, PRICE, VENUE_MS, catalogue, intent

MARKET = intent("G00-1-1-1-10", quantity=10 * LOT)
RESTING = intent("G00-1-1-2-10", quantity=10 * LOT, order_type=OrderType.LIMIT, limit_price=PRICE)


class Counter:
    """A venue and what it said, on time that a test moves."""

    def __init__(self, faults: Faults | None = None, seed: int = 1) -> None:
        self.schedule = Schedule(NOW)
        self.events: list[UserEvent] = []
        self.replies: list[SubmitOutcome] = []
        self.venue = Venue(
            schedule=self.schedule,
            chance=random.Random(seed),
            faults=faults or Faults(),
            catalogue=catalogue(),
            prices={"BTCUSDT": PRICE},
            balances={"USDT": 10_000 * SCALE, "BTC": SCALE, "BNB": SCALE},
            emit=self.events.append,
            watch=lambda _order, _trade: None,
            on_opened=lambda _order: None,
        )

    def wait(self, nanos: int = SECOND) -> None:
        self.schedule.run_until(self.schedule.now + nanos)

    def place(self, wish: object = MARKET, timestamp_ms: int = VENUE_MS) -> SubmitOutcome | None:
        """Place an order and return the reply, if it has come within a second."""
        before = len(self.replies)
        assert isinstance(wish, type(MARKET))
        self.venue.place(wish, timestamp_ms, self.replies.append)
        self.wait()
        return self.replies[-1] if len(self.replies) > before else None


def test_an_id_is_free_again_once_its_order_has_ended() -> None:
    """The trap that sending again "with the same id" falls into."""
    counter = Counter()
    for _ in range(2):
        assert isinstance(counter.place(), Accepted)
    assert len(counter.venue.orders) == 2


def test_an_id_of_an_open_order_is_refused() -> None:
    """Which proves that the first one lives: for the sender its outcome is unknown."""
    counter = next(
        counter
        for counter in (Counter(seed=seed) for seed in range(20))
        if isinstance(counter.place(RESTING), Accepted) and counter.venue.open_orders(NOW + SECOND)
    )
    assert isinstance(counter.place(RESTING), Unknown)
    assert len(counter.venue.orders) == 1


@pytest.mark.parametrize("offset_ms", [-2_001, 1_000], ids=["too old", "too far ahead"])
def test_an_untimely_request_is_refused_when_it_arrives(offset_ms: int) -> None:
    """The receive window counts back from the venue's clock, and one second ahead of it."""
    outcome = Counter().place(timestamp_ms=VENUE_MS + offset_ms)
    assert isinstance(outcome, Rejected)
    assert outcome.code == -1021


def test_a_request_that_grew_old_on_the_way_is_refused_before_it_is_matched() -> None:
    """The second check: nothing enters the book after timestamp plus window."""
    counter = Counter(Faults(forward_max=3 * SECOND), seed=4)
    outcomes = [counter.place(timestamp_ms=counter.venue.now_ms) for _ in range(40)]
    counter.wait(5 * SECOND)
    refused = [reply for reply in counter.replies if isinstance(reply, Rejected)]
    assert refused
    assert outcomes.count(None) > 0
    assert len(refused) + len(counter.venue.orders) == 40


def test_a_list_lags_and_a_cancel_does_not() -> None:
    """A query shows the past; a cancel is the matching engine's own word."""
    counter = Counter()
    counter.place()
    assert counter.venue.query(MARKET.client_order_id, NOW - 1) == NotFound()
    found = counter.venue.query(MARKET.client_order_id, NOW + SECOND)
    assert isinstance(found, Found)
    assert found.report.state is OrderState.FILLED
    assert isinstance(counter.venue.cancel(MARKET.client_order_id), NotOpen)


def test_a_partial_fill_expires_the_rest() -> None:
    """A market order in a thin book ends EXPIRED with what it got."""
    counter = Counter(Faults(partial_share=1.0))
    outcome = counter.place()
    assert isinstance(outcome, Accepted)
    assert outcome.report.state is OrderState.EXPIRED
    assert sum(fill.quantity for fill in outcome.fills) == outcome.report.filled_quantity


def test_balances_are_moved_by_fills_and_fees() -> None:
    """To the last unit, and a lagging look shows them as they were."""
    counter = Counter()
    before, _ = counter.venue.balances_at(NOW)
    outcome = counter.place()
    assert isinstance(outcome, Accepted)
    (fill, *more) = outcome.fills
    paid = sum(each.quote_amount for each in outcome.fills)
    assert before["USDT"] - counter.venue.balances["USDT"] == paid + sum(
        each.fee for each in (fill, *more) if each.fee_asset == "USDT"
    )
    assert counter.venue.balances_at(NOW - 1) == (before, NOW)
    assert counter.venue.balances_at(NOW + SECOND)[1] == fill.traded_at


def test_every_step_of_an_order_is_an_event() -> None:
    """New, each trade, and its end."""
    counter = Counter()
    counter.place(msgspec.structs.replace(MARKET, time_in_force=TimeInForce.IOC))
    reports = [event for event in counter.events if isinstance(event, ExecutionReport)]
    assert reports[0].state is OrderState.ACCEPTED
    assert reports[-1].state is OrderState.FILLED
    assert all(report.fill is not None for report in reports[1:])
    assert reports[-1].event_at // NANOS_PER_MS >= VENUE_MS
