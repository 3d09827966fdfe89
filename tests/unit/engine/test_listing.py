"""Rules that change while the engine runs: asked for, compared, put in force, told once."""

from collections.abc import Callable

import msgspec
import pytest

from genesis.domain.instruments import UNLISTED, Instrument, InstrumentCatalogue
from genesis.domain.orders import OrderState, OrderType, RefusalRule, ReportKind, Side
from genesis.engine.effects import (
    Announce,
    CancelOrder,
    Effect,
    FetchInstruments,
    QueryOrder,
    SubmitOrder,
)
from genesis.engine.entries import SignalRefused
from genesis.engine.listing import ListingWatch
from genesis.engine.reconciliation import VenueView
from genesis.engine.timers import Timers
from genesis.exchange.gateway import Accepted, NoAnswer, NotListed, NotSent, Rejected, Unknown
from genesis.limits import (
    LISTING_REFRESH,
    LISTING_REFRESH_SUSPENDED,
    LISTING_REPEAT,
    LISTING_SPACING,
)
from genesis.units import SCALE, Nanos
from tests.support.builders import CAPITAL, LOT, NOW, PRICE, SECOND, btc, report
from tests.support.desk import ORDER, Desk, filled

ALL = FetchInstruments(("BTCUSDT", "ETHUSDT"))
ETHER = btc(1, "ETHUSDT", "ETH")
WRONG_TICK = Rejected(
    -1013, "Filter failure: PRICE_FILTER", retryable=False, contradicts_listing=True
)


def listed(
    desk: Desk, *instruments: Instrument, asked: FetchInstruments = ALL, now: int = NOW
) -> list[Effect]:
    """Answer a question with these, numbered by their places in it."""
    answer = tuple(
        msgspec.structs.replace(instrument, instrument_id=row)
        for row, instrument in enumerate(instruments)
    )
    return desk.take(desk.core.on_listing(asked, answer, now)).effects


def questions(desk: Desk) -> list[FetchInstruments]:
    return [effect for effect in desk.effects if isinstance(effect, FetchInstruments)]


def refused(desk: Desk) -> tuple[RefusalRule, str]:
    entry = desk.journal[-1]
    assert isinstance(entry, SignalRefused)
    return entry.refusal.rule, entry.refusal.observed


def test_rules_are_asked_for_at_the_start_and_every_ten_minutes(desk: Desk) -> None:
    """What an executor was told at its start may be as old as the run."""
    again = Desk()
    again.take(again.core.start("boot", NOW))
    assert questions(again) == [ALL]
    assert questions(desk.tick(NOW + LISTING_REFRESH - 1)) == []
    assert questions(desk.tick(NOW + LISTING_REFRESH)) == [ALL]
    assert questions(desk.tick(NOW + 2 * LISTING_REFRESH)) == [ALL]


@pytest.mark.parametrize(
    ("act", "usual"),
    [
        (lambda watch: watch.ask(NOW), LISTING_REFRESH),
        (lambda watch: watch.doubt(NOW), LISTING_SPACING),
        (lambda watch: watch.on_listing(ALL, NoAnswer("mute"), NOW), LISTING_REPEAT),
        (
            lambda watch: watch.on_listing(ALL, (btc(status="HALT"), ETHER), NOW),
            LISTING_REFRESH_SUSPENDED,
        ),
    ],
    ids=["asked", "doubted", "not answered", "suspended"],
)
def test_one_setting_sets_the_pace_of_every_question(
    act: Callable[[ListingWatch], object], usual: Nanos
) -> None:
    """Read ten times as often, a suspended symbol is looked at ten times as often, too."""
    timers = Timers()
    watch = ListingWatch(InstrumentCatalogue([btc(), ETHER]), timers, LISTING_REFRESH // 10)
    watch.ask(NOW)
    act(watch)
    assert timers.next_deadline == NOW + usual // 10


def test_rules_that_did_not_change_are_no_news(desk: Desk) -> None:
    """Every ten minutes nothing is said."""
    assert listed(desk, btc(), ETHER) == []


def test_changed_rules_are_in_force_at_once_and_told_once(desk: Desk) -> None:
    """The next order is rounded to the new tick, without a restart."""
    coarse = btc(tick_size=SCALE // 10)
    fields: dict[str, str | int | float] = {
        "symbol": "BTCUSDT",
        "changes": "tick_size 0.01000000 to 0.10000000",
    }
    assert listed(desk, coarse, ETHER) == [Announce("instrument_changed", fields, "warning")]
    assert listed(desk, coarse, ETHER) == []
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE - SCALE // 100, quantity=LOT)
    (sent,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    assert sent.order.intent.limit_price == PRICE - SCALE // 10


def test_ids_stay_whatever_the_order_of_an_answer(desk: Desk) -> None:
    """A question about one symbol numbers it from nought; its row in the tables is another."""
    halted = msgspec.structs.replace(ETHER, status="HALT")
    listed(desk, halted, asked=FetchInstruments(("ETHUSDT",)))
    (found,) = desk.core.listing.suspended
    assert (found.instrument_id, found.symbol) == (1, "ETHUSDT")


def test_a_filter_failure_has_the_rules_asked_for(desk: Desk) -> None:
    """By our rules the order was right, so ours are old."""
    desk.judge().answer(WRONG_TICK, now=NOW + SECOND)
    assert questions(desk.tick(NOW + SECOND)) == [], "the start has just asked"
    assert questions(desk.tick(NOW + LISTING_SPACING)) == [ALL]


def test_many_filter_failures_ask_once(desk: Desk) -> None:
    """A strategy that insists must not use up the request weight."""
    now = NOW + LISTING_SPACING
    for sequence in range(1, 4):
        desk.judge(sequence)
        desk.answer(WRONG_TICK, f"G00-7-1-{sequence}-10", now)
    assert questions(desk.tick(now)) == [ALL]
    assert questions(desk.tick(now + LISTING_SPACING)) == []


def test_another_refusal_says_nothing_of_the_rules(desk: Desk) -> None:
    """No balance, no question."""
    desk.judge().answer(Rejected(-2010, "Account has insufficient balance", retryable=False))
    assert questions(desk.tick(NOW + LISTING_SPACING)) == []


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
def test_a_symbol_that_does_not_trade_is_suspended_and_resumed(desk: Desk, status: str) -> None:
    """Orders on it are refused by name, others pass; it is looked at often until it trades."""
    effects = listed(desk, btc(status=status), ETHER)
    fields: dict[str, str | int | float] = {"symbol": "BTCUSDT", "status": status}
    assert effects == [Announce("symbol_suspended", fields, "warning")]
    assert desk.judge(1).told() == [ReportKind.REFUSED]
    assert refused(desk) == (RefusalRule.SUSPENDED, status)
    assert "SubmitOrder" in desk.judge(1, strategy_number=8, instrument_id=1).kinds()
    now = NOW + LISTING_REFRESH_SUSPENDED
    assert questions(desk.tick(now - 1)) == []
    assert questions(desk.tick(now)) == [ALL]
    resumed = Announce("symbol_resumed", {"symbol": "BTCUSDT"})
    assert listed(desk, btc(), ETHER, now=now) == [resumed]
    assert questions(desk.tick(now + LISTING_REFRESH - 1)) == []
    assert "SubmitOrder" in desk.judge(2).kinds()


def test_a_sale_is_refused_on_a_suspended_symbol_too(desk: Desk) -> None:
    """The venue takes no order at all, whatever it is for."""
    desk.judge(1, quantity=LOT).answer(filled())
    listed(desk, btc(status="HALT"), ETHER)
    desk.judge(2, side=Side.SELL)
    assert refused(desk) == (RefusalRule.SUSPENDED, "HALT")


def test_a_retry_is_judged_by_the_rules_in_force(desk: Desk) -> None:
    """A symbol may be suspended between an attempt that was not sent and the next."""
    desk.judge().answer(NotSent("no connection"))
    listed(desk, btc(status="HALT"), ETHER)
    assert desk.tick(NOW + SECOND).told() == [ReportKind.NOT_EXECUTED]


@pytest.mark.parametrize(
    ("status", "wait"), [("TRADING", 2), ("CANCEL_ONLY", 2), ("HALT", 30)], ids=str
)
def test_cancels_go_on_as_the_status_permits(desk: Desk, status: str, wait: int) -> None:
    """One in vain does no harm, and what we know may be old: seldom, but never not at all."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    listed(desk, btc(status=status), ETHER)
    now = NOW + 5 * SECOND
    assert CancelOrder("BTCUSDT", ORDER) in desk.tick(now).effects
    assert CancelOrder("BTCUSDT", ORDER) not in desk.tick(now + wait * SECOND - 1).effects
    assert CancelOrder("BTCUSDT", ORDER) in desk.tick(now + wait * SECOND).effects


def test_an_unlisted_symbol_is_found_by_halving(desk: Desk) -> None:
    """The venue refuses a question that names it, and does not say which one it is."""
    desk.take(desk.core.on_listing(ALL, NotListed(), NOW))
    halves = [FetchInstruments(("BTCUSDT",)), FetchInstruments(("ETHUSDT",))]
    assert questions(desk) == halves
    assert listed(desk, btc(), asked=halves[0]) == []
    desk.take(desk.core.on_listing(halves[1], NotListed(), NOW))
    fields: dict[str, str | int | float] = {"symbol": "ETHUSDT", "status": UNLISTED}
    assert desk.effects == [Announce("symbol_suspended", fields, "warning")]
    desk.judge(1, strategy_number=8, instrument_id=1)
    assert refused(desk) == (RefusalRule.SUSPENDED, UNLISTED)


def test_an_unlisted_symbol_is_asked_about_by_itself(desk: Desk) -> None:
    """It must not cost the others their answer; should it come back, it trades."""
    alone = FetchInstruments(("ETHUSDT",))
    desk.take(desk.core.on_listing(alone, NotListed(), NOW))
    assert questions(desk.tick(NOW + LISTING_REFRESH_SUSPENDED)) == [], "it is gone for good"
    desk.tick(NOW + LISTING_REFRESH)
    assert questions(desk) == [FetchInstruments(("BTCUSDT",)), alone]
    assert desk.take(desk.core.on_listing(alone, NotListed(), NOW)).effects == []
    effects = listed(desk, ETHER, asked=alone)
    assert effects == [Announce("symbol_resumed", {"symbol": "ETHUSDT"})]


def test_a_view_that_finds_a_symbol_unlisted_has_the_rules_asked_for(desk: Desk) -> None:
    """Once: when it is known, and for symbols that are not ours, there is nothing to ask."""
    view = VenueView(
        venue_ms=0,
        open_orders=(),
        orders=(),
        trades=(),
        balances={"USDT": CAPITAL},
        balances_at=NOW,
        unlisted=frozenset({"ETHUSDT", "SOLUSDT"}),
    )
    now = NOW + LISTING_SPACING
    desk.take(desk.core.on_venue_view(view, desk.core.compare_now(now), now))
    assert questions(desk.tick(now)) == [ALL]
    desk.take(desk.core.on_listing(FetchInstruments(("ETHUSDT",)), NotListed(), now))
    desk.take(desk.core.on_venue_view(view, desk.core.compare_now(now), now))
    assert questions(desk.tick(now + LISTING_SPACING)) == []


def test_an_order_on_an_unlisted_symbol_is_asked_about_seldom(desk: Desk) -> None:
    """The venue will not say what became of it, for as long as it does not list the symbol."""
    desk.judge(quantity=LOT).answer(Unknown("timeout")).tick(NOW)
    desk.take(desk.core.on_listing(FetchInstruments(("BTCUSDT",)), NotListed(), NOW))
    desk.query(NoAnswer("Invalid symbol.", code=-1121, retryable=False), 0)
    query = QueryOrder("BTCUSDT", ORDER, cancel_first=False)
    assert query not in desk.tick(NOW + 30 * SECOND - 1).effects
    assert query in desk.tick(NOW + 30 * SECOND).effects


def test_a_venue_that_does_not_list_is_asked_again(desk: Desk) -> None:
    """The rules as known hold meanwhile."""
    desk.take(desk.core.on_listing(ALL, NoAnswer("timeout"), NOW))
    assert [e.event for e in desk.effects if isinstance(e, Announce)] == ["listing_not_refreshed"]
    assert questions(desk.tick(NOW + LISTING_REPEAT)) == [ALL]
    assert "SubmitOrder" in desk.judge().kinds()


def test_a_symbol_suspended_from_the_start_is_told() -> None:
    """Nobody else would say why nothing is traded."""
    desk = Desk(instruments=[btc(status="BREAK"), ETHER])
    desk.take(desk.core.start("boot", NOW))
    (announced,) = [effect for effect in desk.effects if isinstance(effect, Announce)]
    assert announced.event == "symbol_suspended"


def test_no_instruments_no_question() -> None:
    """A run without instruments has nothing to ask for."""
    desk = Desk(instruments=())
    desk.take(desk.core.start("boot", NOW))
    assert questions(desk) == []
