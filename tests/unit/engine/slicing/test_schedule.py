"""How much of a parent is due when, and the curve that a VWAP follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.slicing.schedule import (
    Algorithm,
    SlicePlan,
    cumulative_shares,
    due_quantity,
)
from genesis.limits import CURVE_WHOLE
from tests.support.builders import SECOND

MINUTE = 60 * SECOND

volumes = st.lists(st.integers(0, 10**15), min_size=2, max_size=40).filter(any)


@st.composite
def scheduled(draw: st.DrawFn) -> SlicePlan:
    """Draw a TWAP or a VWAP of any length and number of slices."""
    is_vwap = draw(st.booleans())
    return SlicePlan(
        algorithm=Algorithm.VWAP if is_vwap else Algorithm.TWAP,
        duration=draw(st.integers(SECOND, 86_400 * SECOND)),
        patience=SECOND,
        slices=draw(st.integers(1, 500)),
        curve=cumulative_shares(tuple(draw(volumes))) if is_vwap else (),
    )


@given(scheduled(), st.integers(1, 10**13), st.lists(st.integers(0, 2**47), min_size=2))
def test_a_schedule_only_rises_and_never_exceeds_its_parent(
    plan: SlicePlan, quantity: int, moments: list[int]
) -> None:
    """Whatever the plan: due quantities grow with time, from 0 before it to all at its end."""
    due = [due_quantity(plan, quantity, elapsed) for elapsed in sorted(moments)]

    assert due == sorted(due)
    assert all(0 <= one <= quantity for one in due)
    assert due_quantity(plan, quantity, -1) == 0
    assert due_quantity(plan, quantity, plan.duration) == quantity


def test_a_twap_deals_equal_slices_from_the_first_moment_on() -> None:
    """Each slice is due from its beginning; the last one is due before the schedule is over."""
    plan = SlicePlan(algorithm=Algorithm.TWAP, duration=MINUTE, patience=SECOND, slices=6)

    due = [due_quantity(plan, 600, second * SECOND) for second in (0, 9, 10, 29, 50, 59, 61)]

    assert due == [100, 100, 200, 300, 600, 600, 600]


def test_a_vwap_follows_its_curve() -> None:
    """Where the market trades three quarters of its volume, so does the parent."""
    curve = cumulative_shares((30, 10))
    plan = SlicePlan(
        algorithm=Algorithm.VWAP, duration=MINUTE, patience=SECOND, slices=4, curve=curve
    )

    due = [due_quantity(plan, 1_000, second * SECOND) for second in (0, 15, 30, 45)]

    assert due == [375, 750, 875, 1_000]


@given(volumes)
def test_a_curve_ends_at_the_whole(traded: list[int]) -> None:
    """Shares add up, whatever the volumes; without any there is no curve."""
    curve = cumulative_shares(tuple(traded))

    assert curve[-1] == CURVE_WHOLE
    assert list(curve) == sorted(curve)
    assert cumulative_shares((0, 0)) == ()


def test_an_iceberg_is_due_whole() -> None:
    """Only what it shows is small."""
    plan = SlicePlan(algorithm=Algorithm.ICEBERG, duration=MINUTE, patience=SECOND, visible=10)

    assert due_quantity(plan, 600, 0) == 600


@pytest.mark.parametrize(
    "changes",
    [{"curve": (1, 2)}, {"visible": 5}, {"slices": 0}, {"duration": 0}],
    ids=["a twap with a curve", "a twap with a clip", "no slice", "no time"],
)
def test_a_plan_that_means_nothing_is_a_bug(changes: dict[str, int]) -> None:
    """Plans are made in one place, from words that were checked there."""
    facts = {"algorithm": Algorithm.TWAP, "duration": MINUTE, "patience": SECOND, **changes}
    with pytest.raises(AssertionError):
        SlicePlan(**facts)  # type: ignore[arg-type]
