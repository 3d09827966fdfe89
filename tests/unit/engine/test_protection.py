"""The next step for one position, from what is held and what is live at the venue."""

import msgspec
import pytest

from genesis.domain.order_ids import LEG_STOP, LEG_TARGET
from genesis.domain.orders import OrderState, OrderType, Side
from genesis.domain.positions import Position
from genesis.engine.entries import SignalId
from genesis.engine.ledger_state import ProtectionPlan
from genesis.engine.order import Order
from genesis.engine.protection import (
    CancelProtection,
    Cover,
    Holding,
    Keep,
    PlaceProtection,
    ProtectionRules,
    SellNow,
    SendExit,
    cover_of,
    next_step,
    stop_of,
)
from genesis.units import NANOS_PER_SECOND, notional
from tests.support.builders import LOT, NOW, PRICE, btc, intent, quote

STOP = PRICE * 98 // 100
TARGET = PRICE * 104 // 100
RULES = ProtectionRules()
_LIST = "G00-7-1-1-1z"


def leg(number: int, state: OrderState = OrderState.ACCEPTED, **changes: object) -> Order:
    """Return a stop (1) or a target (2) over one lot, as taken by the venue."""
    is_stop = number == LEG_STOP
    wish = msgspec.structs.replace(
        intent(
            f"G00-7-1-1-1{number}",
            side=Side.SELL,
            order_type=OrderType.STOP_LOSS if is_stop else OrderType.LIMIT_MAKER,
            limit_price=0 if is_stop else TARGET,
        ),
        trigger_price=STOP if is_stop else 0,
    )
    fields: dict[str, object] = {
        "signal": SignalId(7, 1, 1),
        "attempt": 1,
        "intent": wish,
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "timestamp_ms": 0,
        "receive_window_ms": 2_000,
        "signal_at": NOW,
        "prepared_at": NOW,
        "moved_at": NOW,
        "state": state,
        "venue_order_id": 5 if state is not OrderState.PREPARED else 0,
        "leg": number,
        "order_list": _LIST,
    }
    return Order(**(fields | changes))  # type: ignore[arg-type]


PAIR = (leg(LEG_STOP), leg(LEG_TARGET))


def holding(lots: int = 1, **changes: object) -> Holding:
    """Return a position of whole lots, bought at the price, with a stop and a target named."""
    held = Holding(
        instrument=btc(),
        position=Position(quantity=lots * LOT, cost=notional(PRICE, lots * LOT), fills=1),
        plan=ProtectionPlan(entry="x", opened_at=NOW, stop_price=STOP, target_price=TARGET),
        quote=quote(),
        protective=(),
    )
    return msgspec.structs.replace(held, **changes)


MARKET = leg(LEG_STOP, intent=intent("G00-7-1-1-11", side=Side.SELL), order_list="")
AT_STOP = msgspec.structs.replace(quote(), bid_price=STOP)
AT_TARGET = msgspec.structs.replace(quote(), bid_price=TARGET)
NO_TARGET = ProtectionPlan(entry="x", opened_at=NOW, stop_price=STOP)
NOTHING_NAMED = ProtectionPlan(entry="x", opened_at=NOW)

STEPS = {
    "bare": (holding(), PlaceProtection(LOT, STOP, TARGET)),
    "without a quote": (holding(quote=None), PlaceProtection(LOT, STOP, TARGET)),
    "no target named": (holding(plan=NO_TARGET), PlaceProtection(LOT, STOP, 0)),
    "nothing named": (holding(plan=NOTHING_NAMED), PlaceProtection(LOT, STOP, 0)),
    "of no entry of ours": (holding(plan=None), PlaceProtection(LOT, STOP, 0)),
    "a pair was refused": (holding(was_refused=True), PlaceProtection(LOT, STOP, 0)),
    "part of a step is left out": (
        holding(position=Position(quantity=LOT + 1, cost=notional(PRICE, LOT), fills=1)),
        PlaceProtection(LOT, STOP, TARGET),
    ),
    "flat": (holding(lots=0), Keep()),
    "dust": (holding(position=Position(quantity=1_000, cost=1, fills=1)), Keep()),
    "the market is at the stop": (
        holding(quote=AT_STOP),
        SellNow(LOT, "the market is at the stop"),
    ),
    "the market is at the target": (
        holding(quote=AT_TARGET),
        SellNow(LOT, "the market is at the target"),
    ),
    "covered": (holding(protective=PAIR), Keep()),
    "covered, at the stop": (holding(protective=PAIR, quote=AT_STOP), Keep()),
    "more lots than the stop has": (holding(2, protective=PAIR), CancelProtection()),
    "more lots, and still more to come": (holding(2, protective=PAIR, is_filling=True), Keep()),
    "fewer lots than the stop has": (
        holding(
            2,
            protective=(
                leg(LEG_STOP, intent=msgspec.structs.replace(PAIR[0].intent, quantity=3 * LOT)),
                PAIR[1],
            ),
        ),
        CancelProtection(),
    ),
    "the stop is being placed": (
        holding(
            protective=(leg(LEG_STOP, OrderState.PREPARED), leg(LEG_TARGET, OrderState.PREPARED))
        ),
        Keep(),
    ),
    "the stop is in doubt": (
        holding(protective=(leg(LEG_STOP, OrderState.OUTCOME_UNKNOWN, venue_order_id=0),)),
        Keep(),
    ),
    "the stop is being canceled": (
        holding(protective=(leg(LEG_STOP, OrderState.PENDING_CANCEL),)),
        Keep(),
    ),
    "the stop has ended, and its fills are not known": (
        holding(protective=(leg(LEG_STOP, OrderState.FILLED, filled_quantity=LOT),)),
        Keep(),
    ),
    "the target has traded in part": (
        holding(protective=(leg(LEG_TARGET, OrderState.PARTIALLY_FILLED),)),
        CancelProtection(),
    ),
    "the stop was triggered": (
        holding(2, protective=(leg(LEG_STOP, OrderState.PARTIALLY_FILLED, booked_quantity=1),)),
        Keep(),
    ),
    "an exit waits for the lots": (holding(protective=PAIR, exit_waits=True), CancelProtection()),
    "the lots of an exit are free": (holding(exit_waits=True), SendExit()),
    "an exit works": (holding(selling=LOT), Keep()),
    "an exit of a part works": (holding(2, selling=LOT), PlaceProtection(LOT, STOP, TARGET)),
    "an exit beside the stop works": (holding(2, selling=LOT, protective=PAIR), Keep()),
    "the entry is not over": (holding(is_filling=True), Keep()),
    "it is being sold": (holding(protective=(MARKET,)), Keep()),
}


@pytest.mark.parametrize(("held", "step"), STEPS.values(), ids=STEPS)
def test_the_next_step_follows_from_what_is_known(held: Holding, step: object) -> None:
    """One step at a time: nothing is placed while anything else may sell the same lots."""
    assert next_step(held, RULES, NOW) == step


COVERS = {
    "bare": (holding(), Cover.UNCOVERED),
    "flat": (holding(0), Cover.FLAT),
    "dust": (holding(position=Position(quantity=1_000, cost=1, fills=1)), Cover.DUST),
    "a pair": (holding(protective=PAIR), Cover.COVERED),
    "a pair over a part": (holding(2, protective=PAIR), Cover.UNCOVERED),
    "only sent": (holding(protective=(leg(LEG_STOP, OrderState.PREPARED),)), Cover.UNCOVERED),
    "a cancel on its way": (
        holding(protective=(leg(LEG_STOP, OrderState.PENDING_CANCEL),)),
        Cover.COVERED,
    ),
    "a target alone": (holding(protective=(leg(LEG_TARGET),)), Cover.UNCOVERED),
    "an exit works": (holding(selling=LOT), Cover.EXITING),
    "an exit of a part works": (holding(2, selling=LOT), Cover.UNCOVERED),
    "an exit beside the stop works": (holding(2, selling=LOT, protective=PAIR), Cover.COVERED),
    "it is being sold": (holding(protective=(MARKET,)), Cover.EXITING),
}


@pytest.mark.parametrize(("held", "cover"), COVERS.values(), ids=COVERS)
def test_covered_is_what_the_venue_holds_a_stop_of(held: Holding, cover: Cover) -> None:
    """A stop that is only on its way covers nothing; one that is not yet canceled does."""
    assert cover_of(held, RULES) is cover


def test_a_following_stop_rises_in_steps_and_never_falls() -> None:
    """It keeps its distance below the bid; what is live is placed anew only for a whole step."""
    rules = ProtectionRules(trailing_bps=100, trailing_step_bps=50)
    higher = msgspec.structs.replace(quote(), bid_price=PRICE * 103 // 100)
    held = holding(protective=PAIR, quote=higher)
    risen = stop_of(held, rules)
    assert risen == PRICE * 103 // 100 * 99 // 100
    assert next_step(held, rules, NOW) == CancelProtection()
    at = ProtectionPlan(entry="x", opened_at=NOW, stop_price=risen)
    little = msgspec.structs.replace(higher, bid_price=higher.bid_price * 1_003 // 1_000)
    assert stop_of(holding(plan=at, quote=little), rules) == risen
    assert stop_of(holding(plan=at, quote=quote()), rules) == risen


def test_a_position_is_sold_when_its_time_is_over() -> None:
    """First its protection lets go of the lots, then they are sold."""
    rules = ProtectionRules(hold_max=60 * NANOS_PER_SECOND)
    before, after = NOW + 59 * NANOS_PER_SECOND, NOW + 60 * NANOS_PER_SECOND
    assert next_step(holding(protective=PAIR), rules, before) == Keep()
    assert next_step(holding(protective=PAIR), rules, after) == CancelProtection()
    assert next_step(holding(), rules, after) == SellNow(LOT, "held for its longest time")


def test_no_more_is_placed_at_once_than_the_venue_takes() -> None:
    """What is beyond its largest order counts as covered by it: there is no second stop."""
    small = btc(market_max_quantity=LOT)
    assert next_step(holding(3, instrument=small), RULES, NOW) == PlaceProtection(LOT, STOP, TARGET)
    assert cover_of(holding(3, instrument=small, protective=PAIR), RULES) is Cover.COVERED
