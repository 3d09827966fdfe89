"""Risk between judgements: losses move its state, crashes stop entries, books are read."""

from collections.abc import Sequence

import msgspec
import pytest

from genesis.domain.market import Depth, DepthLevel
from genesis.domain.orders import OrderState, OrderType, Refusal, RefusalRule, Side, Signal
from genesis.engine.effects import Announce, CancelOrder, SubmitOrder
from genesis.engine.entries import Entry, EquityMarked, SignalRefused, TradingHalted
from genesis.engine.risk_state import RiskStanding, RiskState
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import Accepted
from genesis.units import NANOS_PER_MS, SCALE, Amount, Nanos
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    quote,
    report,
    risk_limits,
    signal,
)
from tests.support.desk import ORDER, Desk, filled

DAY: Nanos = 86_400 * SECOND
ETH = {"strategy_number": 8, "instrument_id": 1}


def marked(peak: Amount = CAPITAL, opening: Amount = CAPITAL) -> EquityMarked:
    """Return what was marked once: the account of the desk is worth its capital now."""
    return EquityMarked(
        equity=peak, peak_equity=peak, day=NOW // DAY, day_opening_equity=opening, at=NOW
    )


def fallen(percent: int, journal: Sequence[Entry] = ()) -> Desk:
    """Return a desk whose capital is so much below its peak, and was so before this day."""
    peak = CAPITAL * 100 // (100 - percent) + 1
    return Desk([*journal, marked(peak=peak)], epoch=2).start().mark(quote())


def lost_today(percent: int) -> Desk:
    """Return a desk that has lost so much since the day's opening."""
    opening = CAPITAL * 100 // (100 - percent) + 1
    return Desk([marked(peak=opening, opening=opening)], epoch=2).start().mark(quote())


def accepted(client_order_id: str, venue_order_id: int) -> Accepted:
    return Accepted(
        report(OrderState.ACCEPTED, client_order_id=client_order_id, venue_order_id=venue_order_id)
    )


def wish_at(now: Nanos, sequence: int = 2, **changes: object) -> Signal:
    """Return a signal that is made of what the market shows at a time."""
    made = signal(sequence, expires_at=now + SECOND, **changes)  # type: ignore[arg-type]
    return msgspec.structs.replace(made, received_at=now, read_at=now, published_at=now)


def refusal(desk: Desk) -> Refusal:
    """Return the last refusal that was journaled."""
    return [entry.refusal for entry in desk.journal if isinstance(entry, SignalRefused)][-1]


def quantity_of(desk: Desk) -> int:
    return desk.prepared()[-1].intent.quantity


def announced(desk: Desk) -> list[tuple[str, str]]:
    return [(each.event, each.severity) for each in desk.effects if isinstance(each, Announce)]


def risk_of(desk: Desk) -> RiskState:
    return desk.core.ledger.state.risk.state


def test_a_small_fall_reduces_what_is_risked() -> None:
    """At 5 % sizes and limits are halved; that is announced and journaled, once."""
    desk = fallen(5)
    assert risk_of(desk) is RiskState.REDUCED
    assert announced(desk) == [("risk_state_moved", "warning")]
    assert desk.mark(quote(), quote(1), now=NOW + SECOND).effects == []
    usual = quantity_of(Desk().start().judge(1, **ETH))
    assert abs(quantity_of(desk.judge(1, **ETH)) - usual // 2) <= 1_000
    largest = CAPITAL * 250 // 10_000 * SCALE // PRICE // 1_000 * 1_000
    assert isinstance(Desk(fallen(5).journal).start().judge(1).effects[-1], SubmitOrder)
    desk = fallen(5).judge(1, quantity=largest + LOT)
    assert refusal(desk).rule is RefusalRule.POSITION_LIMIT


def test_a_larger_fall_leaves_only_reductions() -> None:
    """At 10 % entries that work are taken back, new ones refused by name, and exits pass."""
    before = Desk().start()
    before.judge(1, quantity=LOT).answer(filled())
    rests = {"order_type": OrderType.LIMIT, "limit_price": PRICE - SCALE, "quantity": LOT}
    before.judge(1, strategy_number=8, **rests)
    resting = "G00-8-1-1-10"
    before.answer(accepted(resting, 101), resting)
    desk = fallen(10, before.journal)
    assert risk_of(desk) is RiskState.REDUCE_ONLY
    assert CancelOrder("BTCUSDT", resting) in desk.effects
    desk.judge(1, epoch=2, position=LOT)
    assert refusal(desk).rule is RefusalRule.RISK_STATE
    assert refusal(desk).observed.startswith("reduce-only: ")
    desk.judge(2, epoch=2, side=Side.SELL, position=LOT)
    assert isinstance(desk.effects[-1], SubmitOrder)


def test_a_fall_of_15_percent_halts_until_a_person_resumes() -> None:
    """It outlives a restart; a resume counts losses anew, or it would halt at once again."""
    desk = fallen(15)
    assert desk.state is EngineState.HALTED
    assert announced(desk) == [("risk_state_moved", "error"), ("trading_halted", "error")]
    halted = next(entry for entry in desk.journal if isinstance(entry, TradingHalted))
    assert "below the highest equity" in halted.reason
    assert not desk.core.ledger.state.must_liquidate, "that is for the loss of a day"
    reborn = Desk(desk.journal, epoch=3).start().mark(quote())
    assert (reborn.state, risk_of(reborn)) == (EngineState.HALTED, RiskState.HALTED)
    assert announced(reborn) == [], "a halt that stands is not told again"
    reborn.take(reborn.core.resume(NOW, accept_differences=False))
    reborn.mark(quote())
    assert (reborn.state, risk_of(reborn)) == (EngineState.RUNNING, RiskState.ACTIVE)
    assert reborn.core.valuation.peak_equity == CAPITAL


@pytest.mark.parametrize(("percent", "state"), [(10, "REDUCE_ONLY"), (15, "HALTED")])
def test_a_day_s_loss_restricts_and_then_liquidates(percent: int, state: str) -> None:
    """That everything has to be sold is durable: whoever starts next knows it, too."""
    desk = lost_today(percent)
    assert risk_of(desk).name == state
    reborn = Desk(desk.journal, epoch=3).start()
    assert risk_of(reborn).name == state
    assert reborn.core.ledger.state.must_liquidate is (percent == 15)
    reborn.take(reborn.core.resume(NOW, accept_differences=False))
    assert not reborn.core.ledger.state.must_liquidate


def test_the_tier_s_daily_loss_ends_the_day() -> None:
    """What is won back later on the day does not open positions again; the next day does."""
    desk = Desk([marked(opening=CAPITAL + 500 * SCALE)], epoch=2).start().mark(quote())
    assert risk_of(desk) is RiskState.REDUCE_ONLY
    won_back = [*desk.journal, marked(opening=CAPITAL)]
    desk = Desk(won_back, epoch=3).start().mark(quote())
    assert risk_of(desk) is RiskState.REDUCE_ONLY
    tomorrow = quote(received_at=NOW + DAY)
    desk.mark(tomorrow, now=NOW + DAY)
    assert desk.core.ledger.state.risk == RiskStanding()
    assert announced(desk) == [("risk_state_moved", "info")]


def test_a_halt_takes_back_entries_and_leaves_exits() -> None:
    """The kill switch: what would enlarge a position must not fill behind it."""
    desk = Desk().start()
    desk.judge(1, quantity=LOT).answer(filled())
    rests = {"order_type": OrderType.LIMIT, "quantity": LOT}
    desk.judge(1, strategy_number=8, limit_price=PRICE - SCALE, **rests)
    desk.answer(accepted("G00-8-1-1-10", 101), "G00-8-1-1-10")
    desk.judge(2, side=Side.SELL, limit_price=PRICE + SCALE, position=LOT, **rests)
    sale = "G00-7-1-2-10"
    desk.answer(accepted(sale, 102), sale)
    desk.take(desk.core.halt("a person said so", NOW))
    canceled = [effect for effect in desk.effects if isinstance(effect, CancelOrder)]
    assert canceled == [CancelOrder("BTCUSDT", "G00-8-1-1-10")]
    assert desk.state is EngineState.HALTED
    assert desk.judge(2, **ETH).core.ledger.state.refusals == {"halted": 1}


def test_a_flash_crash_stops_entries_on_that_instrument() -> None:
    """5 % within a minute, for five; durable, on no other instrument, and over in time."""
    desk = Desk().start().mark(quote(), quote(1))
    later = NOW + 10 * SECOND
    desk.mark(quote(middle=PRICE * 94 // 100, received_at=later), quote(1), now=later)
    assert announced(desk) == [("entries_paused", "warning")]
    pause = desk.core.ledger.state.pauses["BTCUSDT"]
    assert (pause.rule, pause.until) == (RefusalRule.FLASH_CRASH, later + 300 * SECOND)
    reborn = Desk(desk.journal, epoch=2).start()
    reborn.judge(1)
    assert refusal(reborn).rule is RefusalRule.FLASH_CRASH
    assert refusal(reborn).observed == "fell 600 bps; for 310 s more"
    assert isinstance(reborn.judge(1, **ETH).effects[-1], SubmitOrder)
    after = pause.until
    wish = wish_at(after)
    reborn.take(
        reborn.core.judge_signal(
            wish, quote(received_at=after), venue=reborn.venue_now(VENUE_MS), now=after
        )
    )
    assert isinstance(reborn.effects[-1], SubmitOrder)


def test_a_crash_that_only_a_judgement_sees_counts_too() -> None:
    """Its own quote is compared with the window's highest, and the pause follows with the marks."""
    desk = Desk().start().mark(quote())
    low = quote(middle=PRICE * 94 // 100)
    desk.take(desk.core.judge_signal(signal(1), low, venue=desk.venue_now(VENUE_MS), now=NOW))
    assert refusal(desk).rule is RefusalRule.FLASH_CRASH
    desk.mark(quote(), now=NOW + SECOND)
    assert "BTCUSDT" in desk.core.ledger.state.pauses


def test_a_stale_mark_of_anything_held_refuses() -> None:
    """Without its price, exposure and losses are not known: other instruments wait, too."""
    desk = Desk().start()
    desk.judge(1, quantity=LOT).answer(filled())
    desk.mark(quote(received_at=NOW - 60 * SECOND), quote(1))
    assert desk.core.risk.mark_age(NOW) == 60 * SECOND
    assert isinstance(Desk(desk.journal, 2).start().judge(1, **ETH).effects[-1], SubmitOrder)
    desk.mark(quote(received_at=NOW - 60 * SECOND - 1), quote(1))
    desk.judge(1, **ETH)
    assert refusal(desk).rule is RefusalRule.MARK_AGE
    desk.mark(quote(1))
    desk.judge(2, **ETH)
    assert refusal(desk).rule is RefusalRule.MARK_AGE, "one without any quote is staler still"


def depth(event_ms: int = VENUE_MS) -> Depth:
    """Return a book of which an entry at the market may take 0.015 BTC: the rest is too dear."""
    levels = [(PRICE - SCALE, 90), (PRICE + SCALE // 2, 1), (PRICE * 101 // 100, 5), (PRICE * 2, 9)]
    asks = [DepthLevel(price, quantity * SCALE // 100) for price, quantity in levels]
    return Depth(0, [], asks, 1, event_ms * NANOS_PER_MS)


@pytest.mark.parametrize(
    ("book", "quantity", "is_taken"),
    [
        (depth(), 15 * LOT, True),
        (depth(), 15 * LOT + LOT, False),
        (depth(VENUE_MS - 60_000), 10 * LOT, True),
        (depth(VENUE_MS - 60_001), 10 * LOT, False),
        (msgspec.structs.replace(depth(), asks=[]), 10 * LOT, False),
        (None, 10 * LOT, False),
    ],
    ids=["a quarter", "more", "old enough", "too old", "lost", "none"],
)
def test_the_book_bounds_what_is_bought(
    book: Depth | None, quantity: int, *, is_taken: bool
) -> None:
    """Where the best offer is little, all up to the collar counts, and nothing is guessed."""
    desk = Desk().start()
    if book is not None:
        desk.depths[0] = book
    thin = msgspec.structs.replace(quote(), ask_quantity=LOT)
    wish = signal(1, quantity=quantity)
    desk.take(desk.core.judge_signal(wish, thin, venue=desk.venue_now(VENUE_MS), now=NOW))
    rule = None if isinstance(desk.effects[-1], SubmitOrder) else refusal(desk).rule
    assert rule == (None if is_taken else RefusalRule.LIQUIDITY)


def test_a_row_of_cancels_stops_entries_for_a_second() -> None:
    """Whoever asks for them: an order that expires counts like one that is taken back."""
    limits = msgspec.structs.replace(risk_limits(), cancels_per_second_max=1)
    desk = Desk(limits=limits).start()
    desk.judge(1, order_type=OrderType.LIMIT, limit_price=PRICE - SCALE, quantity=LOT)
    desk.answer(accepted(ORDER, 101))
    for second in (5, 6):
        now = NOW + second * SECOND
        desk.tick(now)
        wish = wish_at(now, second, **ETH)
        here, venue = quote(1, received_at=now), desk.venue_now(VENUE_MS)
        desk.take(desk.core.judge_signal(wish, here, venue=venue, now=now))
        if second == 5:
            assert refusal(desk).rule is RefusalRule.CANCEL_RATE
    assert isinstance(desk.effects[-1], SubmitOrder)


def test_all_instruments_fall_together_until_returns_tell_otherwise() -> None:
    """What is held or works anywhere counts towards one direction, and is refused as such."""
    limits = msgspec.structs.replace(risk_limits(), correlated_bps=12)  # 70 of 100 000
    desk = Desk(limits=limits).start().mark(quote(), quote(1))
    desk.judge(1, quantity=LOT).judge(1, **ETH, quantity=LOT)
    assert refusal(desk).rule is RefusalRule.CORRELATED_EXPOSURE
    at, pair = NOW, [quote(), quote(1)]
    for step in range(1, 40):  # one that rises and falls, and one that does so half as often
        at = NOW + step * 5 * SECOND
        prices = (PRICE + step % 2 * SCALE, PRICE + step // 2 % 2 * SCALE)
        pair = [quote(each, price, at) for each, price in enumerate(prices)]
        desk.mark(*pair, now=at)
    desk.take(
        desk.core.judge_signal(
            wish_at(at, **ETH, quantity=LOT),
            pair[1],
            venue=desk.venue_now(VENUE_MS),
            now=at,
        )
    )
    assert isinstance(desk.effects[-1], SubmitOrder)
