"""The state of risk: which losses move it, what lifts it again; any input has an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.risk_state import (
    LossFacts,
    RiskStanding,
    RiskState,
    cause_of,
    next_standing,
    resumed,
)
from genesis.units import SCALE
from tests.support.builders import CAPITAL, loss_limits

LIMITS = loss_limits()
DAY = 20_000
A, R, X, H = RiskState.ACTIVE, RiskState.REDUCED, RiskState.REDUCE_ONLY, RiskState.HALTED


def fallen(bps: int, *, unit: int = 0) -> LossFacts:
    """Return a fall from the peak on days long after the loss was made."""
    equity = CAPITAL - CAPITAL * bps // 10_000 + unit
    return LossFacts(equity=equity, peak=CAPITAL, opening=equity, day=DAY)


def lost_today(amount: int, opening: int = CAPITAL, day: int = DAY) -> LossFacts:
    """Return a loss of today that is no drawdown worth a word: the peak is the present equity."""
    return LossFacts(equity=opening - amount, peak=opening - amount, opening=opening, day=day)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (fallen(0), A),
        (fallen(500, unit=1), A),
        (fallen(500), R),
        (fallen(1_000, unit=1), R),
        (fallen(1_000), X),
        (fallen(1_500, unit=1), X),
        (fallen(1_500), H),
        (fallen(10_000), H),
        (fallen(20_000), H),
        (lost_today(500 * SCALE - 1), A),
        (lost_today(500 * SCALE), X),
        (lost_today(15_000 * SCALE - 1), X),
        (lost_today(15_000 * SCALE), H),
        (lost_today(99 * SCALE, 1_000 * SCALE), A),
        (lost_today(100 * SCALE, 1_000 * SCALE), X),
        (lost_today(150 * SCALE, 1_000 * SCALE), H),
    ],
)
def test_each_loss_at_its_line(facts: LossFacts, state: RiskState) -> None:
    """5, 10, 15 % from the peak; the tier's amount, 10, 15 % in a day: at the line, not before."""
    assert next_standing(RiskStanding(), facts, LIMITS).state is state


def test_a_drawdown_is_lifted_a_step_below_its_line() -> None:
    """A state that flapped at its line would cancel and place orders with every tick."""
    standing = next_standing(RiskStanding(), fallen(1_000), LIMITS)
    assert next_standing(standing, fallen(901), LIMITS).state is X
    lifted = next_standing(standing, fallen(900, unit=1), LIMITS)
    assert lifted.state is R
    assert next_standing(lifted, fallen(401), LIMITS).state is R
    assert next_standing(lifted, fallen(400, unit=1), LIMITS).state is A


def test_a_day_s_restriction_stays_until_the_next_day() -> None:
    """What is won back on the same day does not count: the day is over for entries."""
    standing = next_standing(RiskStanding(), lost_today(500 * SCALE), LIMITS)
    assert next_standing(standing, lost_today(0), LIMITS).state is X
    assert next_standing(standing, lost_today(0, day=DAY + 1), LIMITS) == RiskStanding()


def test_a_halt_stays_until_a_person_resumes() -> None:
    """Neither a new day nor a new peak lifts it; a resume does, and lifts nothing that is less."""
    for facts in (fallen(1_500), lost_today(15_000 * SCALE)):
        standing = next_standing(RiskStanding(), facts, LIMITS)
        assert next_standing(standing, lost_today(0, day=DAY + 9), LIMITS).state is H
        assert resumed(standing) == RiskStanding()
    restricted = next_standing(RiskStanding(), lost_today(500 * SCALE), LIMITS)
    assert resumed(restricted) == restricted


def test_only_a_day_s_loss_liquidates() -> None:
    """It is told from the fall below the peak by where it stands."""
    assert next_standing(RiskStanding(), fallen(1_500), LIMITS).by_day is A
    assert next_standing(RiskStanding(), lost_today(15_000 * SCALE), LIMITS).by_day is H


def test_the_cause_is_said_in_words() -> None:
    """With amount, share and what it is a share of."""
    assert cause_of(RiskStanding(), fallen(0)) == "no loss beyond its line"
    facts = fallen(512)
    assert cause_of(next_standing(RiskStanding(), facts, LIMITS), facts) == (
        "5120.00000000, 5.12 % of 100000.00000000 below the highest equity"
    )
    facts = lost_today(600 * SCALE)
    assert cause_of(next_standing(RiskStanding(), facts, LIMITS), facts) == (
        "the day has lost 600.00000000, 0.60 % of 100000.00000000"
    )


amounts = st.integers(-(10**16), 10**16)


@given(
    st.builds(
        RiskStanding,
        by_drawdown=st.sampled_from(RiskState),
        by_day=st.sampled_from(RiskState),
        day=st.integers(0, 3),
    ),
    st.builds(LossFacts, amounts, amounts, amounts, st.integers(0, 3)),
)
def test_the_machine_is_total_and_never_lenient(standing: RiskStanding, facts: LossFacts) -> None:
    """Any memory and any facts have one answer, which asked again stays; no halt is ever left."""
    after = next_standing(standing, facts, LIMITS)
    assert next_standing(after, facts, LIMITS) == after
    assert cause_of(after, facts)
    if standing.state is H:
        assert after.state is H
    if facts.peak > 0 and facts.fall * 100 >= 15 * facts.peak:
        assert after.state is H
    if facts.day_loss >= LIMITS.daily_loss_max:
        assert after.state >= X
