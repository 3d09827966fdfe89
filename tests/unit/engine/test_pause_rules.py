"""Entries that stop for how round trips ended: each rule at its line, and only for its while."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import OrderState, RefusalRule, Side
from genesis.domain.strategy_record import RoundTrip, StrategyRecord
from genesis.engine.effects import Announce, SubmitOrder
from genesis.engine.entries import SignalRefused
from genesis.engine.pause_rules import after_losses, after_stop, after_storm, for_low_profit
from genesis.exchange.gateway import Accepted
from genesis.units import SCALE, Nanos
from tests.support.builders import (
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    fill,
    pause_rules,
    quote,
    report,
    signal,
)
from tests.support.desk import Desk, filled

RULES = pause_rules()


def record(*results: int, stopped: bool = False, step: Nanos = SECOND) -> StrategyRecord:
    """Return round trips of 100 paid each, one every step, the last of them now."""
    made = StrategyRecord()
    for number, result in enumerate(results):
        at = NOW - (len(results) - 1 - number) * step
        made.add(RoundTrip(at - SECOND, at, 100 * SCALE, result, stopped and result < 0))
    return made


def test_losses_on_end_stop_a_strategy() -> None:
    """Five stop it for half an hour after the last; a win begins anew, and 0 switches it off."""
    assert after_losses(record(*[-1] * 4), RULES) is None
    pause = after_losses(record(*[-1] * 5), RULES)
    assert pause is not None
    assert (pause.rule, pause.until) == (RefusalRule.LOSSES_IN_ROW, NOW + 1_800 * SECOND)
    assert after_losses(record(*[-1] * 4, 1, *[-1] * 4), RULES) is None
    off = msgspec.structs.replace(RULES, losses_in_row=0)
    assert after_losses(record(*[-1] * 9), off) is None


def test_an_instrument_cools_down_after_a_stop() -> None:
    """A loss that was no stop does not matter."""
    assert after_stop(record(-1), RULES) is None
    pause = after_stop(record(-1, stopped=True), RULES)
    assert pause is not None
    assert (pause.rule, pause.until) == (RefusalRule.COOL_DOWN, NOW + 60 * SECOND)
    assert after_stop(record(-1, stopped=True), msgspec.structs.replace(RULES, cool_down=0)) is None


def test_an_instrument_of_low_profit_is_left_alone() -> None:
    """Ten trips that lost more than 1 % of what they paid, all within the window."""
    assert for_low_profit(record(*[-2 * SCALE] * 9), RULES) is None
    assert for_low_profit(record(*[-SCALE] * 10), RULES) is None, "exactly 1 % is not more"
    pause = for_low_profit(record(*[-SCALE] * 9, -SCALE - 1), RULES)
    assert pause is not None
    assert (pause.rule, pause.until) == (RefusalRule.LOW_PROFIT, NOW + 3_600 * SECOND)
    assert for_low_profit(record(*[-2 * SCALE] * 10, step=9_601 * SECOND), RULES) is None
    off = msgspec.structs.replace(RULES, low_profit_trips=0)
    assert for_low_profit(record(*[-2 * SCALE] * 10), off) is None


def test_a_storm_of_stops_stops_everybody() -> None:
    """Ten within half an hour, whoever was stopped out; the while begins with the last of them."""
    five = record(*[-1] * 5, stopped=True, step=199 * SECOND)
    assert after_storm([five], RULES) is None
    assert after_storm([five, record(*[-1] * 4, stopped=True)], RULES) is None
    pause = after_storm([five, five], RULES)
    assert pause is not None
    assert (pause.rule, pause.until) == (RefusalRule.STOP_STORM, NOW + 900 * SECOND)
    slow = record(*[-1] * 10, stopped=True, step=200 * SECOND)
    assert after_storm([slow], RULES) is None
    assert after_storm([five, five], msgspec.structs.replace(RULES, storm_stops=0)) is None


@given(st.lists(st.integers(-(10**12), 10**12), max_size=40), st.booleans())
def test_any_record_has_an_answer(results: list[int], stopped: bool) -> None:  # noqa: FBT001
    """And a pause never ends before the round trip that is behind it."""
    seen = record(*results, stopped=stopped)
    for pause in (
        after_losses(seen, RULES),
        after_stop(seen, RULES),
        for_low_profit(seen, RULES),
        after_storm([seen, seen], RULES),
    ):
        assert pause is None or pause.until > seen.last_stop_at


@pytest.mark.parametrize("is_reborn", [False, True], ids=["now", "after a restart"])
def test_a_desk_that_was_stopped_out_waits(is_reborn: bool) -> None:  # noqa: FBT001
    """The refusal names the pause, it is announced once, and other instruments go on."""
    desk = Desk().start()
    desk.judge(1, quantity=LOT, stop_price=PRICE - SCALE).answer(filled())
    desk.judge(2, side=Side.SELL, position=LOT)
    sale = "G00-7-1-2-10"
    sold = fill(
        2, client_order_id=sale, side=Side.SELL, price=PRICE - 2 * SCALE, venue_order_id=101
    )
    event = report(
        OrderState.FILLED,
        client_order_id=sale,
        venue_order_id=101,
        side=Side.SELL,
        filled_quantity=LOT,
    )
    desk.answer(Accepted(event, (sold,)), sale)
    if is_reborn:
        desk = Desk(desk.journal, epoch=2).start()
    desk.mark(quote(), quote(1))
    told = [each.fields for each in desk.effects if isinstance(each, Announce)]
    assert told == [
        {"name": "BTCUSDT", "rule": "cool_down", "observed": "stopped out", "pause_s": 60}
    ]
    assert desk.core.risk.summarize().pauses == {"BTCUSDT": "cool_down: stopped out"}
    assert desk.mark(quote(), quote(1), now=NOW + SECOND).effects == []
    desk.judge(3, epoch=2)
    refused = [entry.refusal for entry in desk.journal if isinstance(entry, SignalRefused)]
    assert refused[-1].rule is RefusalRule.COOL_DOWN
    assert refused[-1].observed == "stopped out; for 60 s more"
    desk.judge(1, epoch=2, strategy_number=8, instrument_id=1)
    assert isinstance(desk.effects[-1], SubmitOrder)
    later = NOW + 60 * SECOND
    wish = signal(4, epoch=2, expires_at=later)
    wish = msgspec.structs.replace(wish, received_at=later, read_at=later, published_at=later)
    desk.mark(quote(received_at=later), quote(1, received_at=later), now=later)
    venue = desk.venue_now(VENUE_MS)
    desk.take(desk.core.judge_signal(wish, quote(received_at=later), venue=venue, now=later))
    assert isinstance(desk.effects[-1], SubmitOrder)
