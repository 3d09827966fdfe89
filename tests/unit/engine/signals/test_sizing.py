"""How large an entry is: fixed risk, Kelly's rule, a market that moves, and every bound."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import OrderIntent, Refusal, RefusalRule
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.signal_pipeline import make_intent
from genesis.engine.signals.case import SignalContext, SignalRules
from genesis.engine.signals.sizing import kelly_ppm, risk_ppm
from genesis.units import SCALE, Quantity, notional
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    btc,
    quote,
    signal,
    signal_context,
    signal_rules,
)

ASK = quote().ask_price
SHARE = CAPITAL // 100


def sized(
    context: SignalContext | None = None, rules: SignalRules | None = None, **wish: int
) -> OrderIntent | Refusal:
    return make_intent(
        signal(**wish),  # type: ignore[arg-type]
        context or signal_context(),
        rules or signal_rules(),
        client_order_id="id",
        now=NOW,
    )


def quantity(
    context: SignalContext | None = None, rules: SignalRules | None = None, **wish: int
) -> Quantity:
    verdict = sized(context, rules, **wish)
    assert isinstance(verdict, OrderIntent), verdict
    return verdict.quantity


def record(wins: int, losses: int, won: int, lost: int) -> StrategyRecord:
    """Return a record of wins and losses that brought this much, in whole units."""
    return StrategyRecord(
        trips=wins + losses,
        wins=wins,
        losses=losses,
        gross_win=won * SCALE if wins else 0,
        gross_loss=lost * SCALE if losses else 0,
    )


def test_the_loss_at_the_stop_is_what_may_be_risked() -> None:
    """2 % of a share of $1 000 is $20; a stop 5 % below the ask of 60 000.50 loses that by hand.

    0.00666661 BTC lose 3 000.025 each.
    """
    stop = ASK - ASK // 20
    assert quantity(stop_price=stop) == btc().floor_quantity(20 * SCALE * SCALE // (ASK - stop))
    assert quantity(stop_price=stop) == 666_000


def test_a_stop_twice_as_far_halves_the_size() -> None:
    """Whatever the distance, the money at risk is the same."""
    near, far = (quantity(stop_price=ASK - distance) for distance in (ASK // 20, ASK // 10))
    assert abs(near - 2 * far) <= 2 * btc().step_size


def test_a_near_stop_is_bounded_by_the_share() -> None:
    """However little is lost at the stop, an entry is worth no more than its share."""
    near = quantity(stop_price=ASK - SCALE)
    assert notional(ASK, near) <= SHARE < notional(ASK, near + btc().step_size)


def test_an_entry_without_a_stop_has_one_assumed() -> None:
    """2 % away, 2 % at risk: the whole share; at 4 % it is half of that."""
    assert quantity() == quantity(stop_price=ASK - ASK // 50)
    assert abs(quantity(rules=signal_rules(stop_assumed_ppm=40_000)) * 2 - quantity()) < LOT // 50


def test_the_largest_position_bounds_a_large_share() -> None:
    """One strategy alone has 60 % of equity to itself, and a position of 5 % all the same."""
    alone = quantity(rules=signal_rules(strategy_count=1), stop_price=ASK - SCALE)
    assert notional(ASK, alone) <= CAPITAL // 20 < notional(ASK, alone + btc().step_size)


def test_what_is_held_takes_from_the_share() -> None:
    """A second entry gets what the first has left."""
    held = quantity() // 2 // LOT * LOT
    more = quantity(signal_context(held=held), position=held)
    assert held + more <= quantity() < held + more + 2 * btc().step_size


def test_what_is_left_of_the_share_may_be_too_little() -> None:
    """Then there is no order, and the refusal says what would have been its size."""
    held = quantity()
    verdict = sized(signal_context(held=held), position=held)
    assert isinstance(verdict, Refusal)
    assert verdict.rule is RefusalRule.SIZE
    assert (verdict.limit, verdict.observed) == ("at least 0.00001000", "0.00000652")


def test_an_account_in_debt_enters_nothing() -> None:
    """Equity below zero is a size of zero, not a sale."""
    verdict = sized(signal_context(equity=-CAPITAL))
    assert isinstance(verdict, Refusal)
    assert verdict.rule is RefusalRule.SIZE


def test_a_canary_bounds_what_is_sized() -> None:
    """Its cap is of the order's worth."""
    small = quantity(signal_context(entry_max=20 * SCALE))
    assert notional(ASK, small) <= 20 * SCALE < notional(ASK, small + btc().step_size)


def test_a_market_that_moves_more_makes_entries_smaller() -> None:
    """Up to 1 % an hour all is whole; at 4 % it is a quarter. What is not known changes nothing."""
    whole = quantity(signal_context(volatility_ppm=0))
    assert quantity(signal_context(volatility_ppm=10_000)) == whole
    assert abs(quantity(signal_context(volatility_ppm=40_000)) - whole // 4) <= btc().step_size


def test_a_named_size_is_left_to_the_risk_engine() -> None:
    """It is the strategy's own wish; too much of it is refused by a limit, not quietly cut."""
    wild = signal_context(volatility_ppm=1_000_000, record=record(0, 100, 0, 500))
    assert quantity(wild, quantity=50 * LOT) == 50 * LOT


@pytest.mark.parametrize(
    ("wins", "losses", "won", "lost", "kelly"),
    [
        (60, 40, 600, 400, 200_000),  # b = 1: p - q
        (50, 50, 1_000, 500, 250_000),  # b = 2: 0.5 - 0.5 / 2
        (40, 60, 800, 600, 100_000),  # b = 2: 0.4 - 0.6 / 2
        (50, 50, 500, 500, 0),
        (40, 60, 400, 600, -200_000),
        (30, 0, 300, 0, 1_000_000),
        (0, 30, 0, 300, -1_000_000),
        (0, 0, 0, 0, 0),
    ],
)
def test_kelly_by_hand(wins: int, losses: int, won: int, lost: int, kelly: int) -> None:
    """P - q / b, with p the share of wins and b the mean win by the mean loss."""
    assert kelly_ppm(record(wins, losses, won, lost)) == kelly


@given(
    wins=st.integers(0, 10**6),
    losses=st.integers(0, 10**6),
    won=st.integers(0, 10**20),
    lost=st.integers(0, 10**20),
)
def test_kelly_is_exact(wins: int, losses: int, won: int, lost: int) -> None:
    """It is the rule's fraction, to the millionth, however large the record."""
    won, lost = won + wins if wins else 0, lost + losses if losses else 0
    known = StrategyRecord(
        trips=wins + losses, wins=wins, losses=losses, gross_win=won, gross_loss=lost
    )
    if not wins or not losses:
        return
    p, q = Fraction(wins, wins + losses), Fraction(losses, wins + losses)
    exact = p - q / (Fraction(won, wins) / Fraction(lost, losses))
    assert kelly_ppm(known) <= exact * 10**6 < kelly_ppm(known) + 1


def test_a_record_sets_the_risk_once_it_is_long_enough() -> None:
    """The fixed risk holds until then, one round trip more or less."""
    rules = signal_rules().sizing
    good = record(15, 15, 200, 100)  # b = 2: a quarter, of which a quarter
    assert risk_ppm(good, rules) == 40_000, "no more than the most"
    assert risk_ppm(msgspec.structs.replace(good, trips=29), rules) == rules.risk_ppm
    slight = record(50, 50, 104, 100)  # 0.5 - 0.5 / 1.04
    assert risk_ppm(slight, rules) == 19_230 // 4
    assert risk_ppm(record(10, 20, 100, 300), rules) == rules.kelly_least_ppm


def test_a_record_without_gain_makes_a_strategy_small() -> None:
    """0.1 % of $1 000 at a stop 2 % away is an entry worth $50: it may still show that it can."""
    loser = quantity(signal_context(record=record(10, 30, 100, 300)))
    assert 49 * SCALE < notional(ASK, loser) <= 50 * SCALE


@given(
    equity=st.integers(-(10**13), 10**15),
    held=st.integers(0, 10**10),
    stop=st.integers(1, ASK - 1),
    volatility_ppm=st.integers(0, 10**9),
    known=st.builds(
        record,
        wins=st.integers(0, 100),
        losses=st.integers(0, 100),
        won=st.integers(1, 10**6),
        lost=st.integers(1, 10**6),
    ),
)
def test_no_size_passes_a_bound(
    equity: int, held: int, stop: int, volatility_ppm: int, known: StrategyRecord
) -> None:
    """Whatever the facts: whole steps, no more than the share with what is held, nor at risk."""
    context = signal_context(equity=equity, held=held, volatility_ppm=volatility_ppm, record=known)
    verdict = sized(context, position=held, stop_price=stop)
    assert verdict == sized(context, position=held, stop_price=stop)
    if isinstance(verdict, Refusal):
        assert verdict.rule is RefusalRule.SIZE
        return
    share = equity * 6 // 10 // 60
    assert verdict.quantity > 0
    assert verdict.quantity % btc().step_size == 0
    assert notional(ASK, held + verdict.quantity) <= share + SCALE
    assert (
        notional(ASK - stop, verdict.quantity)
        <= share * risk_ppm(known, signal_rules().sizing) // 10**6 + 1
    )
