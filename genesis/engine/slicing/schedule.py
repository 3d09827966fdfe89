"""The plan of a parent order, and how much of it is due when: pure functions of plan and time."""

import enum
from itertools import accumulate, pairwise
from typing import Final

import msgspec

from genesis.limits import CURVE_WHOLE, SLICES_MAX
from genesis.units import Nanos, Price, Quantity


class Algorithm(enum.StrEnum):
    """How a parent order is worked.

    ICEBERG: all of it is due at once, and a small visible part rests at a time. TWAP: equal slices,
    evenly in time. VWAP: slices in proportion to the volume that the market is expected to trade.
    """

    ICEBERG = "iceberg"
    TWAP = "twap"
    VWAP = "vwap"


class SlicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a parent order is to be worked, as it was asked for; durable with the parent.

    `duration` is its whole schedule (of an iceberg: its time-out), `patience` how much longer what
    is still missing may take. `slices` is how often a scheduled quantity falls due. `curve` is a
    VWAP's: cumulative shares of volume by equal buckets of the duration, in parts of CURVE_WHOLE.
    `visible` is an iceberg's clip, `child_timeout` how long a resting child waits before it is
    placed anew. 0 means no such limit for `limit_price` (the worst price paid), `impact_bps` (how
    far from the arrival price a child may trade, else it waits), `participation_bps` (the share of
    what the market trades meanwhile) and `slippage_bps` (how far from the arrival price the average
    or the market may be, else the parent is abandoned).
    """

    algorithm: Algorithm
    duration: Nanos
    patience: Nanos
    slices: int = 1
    curve: tuple[int, ...] = ()
    visible: Quantity = 0
    child_timeout: Nanos = 0
    limit_price: Price = 0
    impact_bps: int = 0
    participation_bps: int = 0
    slippage_bps: int = 0

    def __post_init__(self) -> None:
        assert self.duration > 0
        assert 1 <= self.slices <= SLICES_MAX
        assert (self.algorithm is Algorithm.VWAP) == bool(self.curve), "a curve is a VWAP's"
        assert (self.algorithm is Algorithm.ICEBERG) == bool(self.visible), "a clip is an iceberg's"
        assert all(before <= after for before, after in pairwise(self.curve))

    @property
    def has_schedule(self) -> bool:
        """Tell whether quantities fall due by time."""
        return self.algorithm is not Algorithm.ICEBERG


def due_quantity(plan: SlicePlan, quantity: Quantity, elapsed: Nanos) -> Quantity:
    """Return how much of a parent ought to have traded when this much time has passed.

    It never falls, never exceeds the parent, and is all of it from the last slice on. A slice is
    due from its beginning, so the first is due at once.
    """
    if not plan.has_schedule or elapsed >= plan.duration:
        return quantity
    if elapsed < 0:
        return 0
    begun = elapsed * plan.slices // plan.duration + 1
    if begun >= plan.slices:
        return quantity
    if plan.algorithm is Algorithm.TWAP:
        return quantity * begun // plan.slices
    return quantity * _share_of_curve(plan.curve, begun, plan.slices) // CURVE_WHOLE


def _share_of_curve(curve: tuple[int, ...], begun: int, slices: int) -> int:
    """Return the share that the curve gives to the first slices, in parts of CURVE_WHOLE.

    Within a bucket volume is taken to be even.
    """
    bucket, part = divmod(begun * len(curve), slices)
    before = curve[bucket - 1] if bucket else 0
    if not part:
        return before
    return before + (curve[bucket] - before) * part // slices


def cumulative_shares(volumes: tuple[int, ...]) -> tuple[int, ...]:
    """Return a curve for volumes by equal buckets of time; () if nothing was traded in them.

    This is all the learning there is: the window to come is expected to spread its volume as these
    buckets did.
    """
    total = sum(volumes)
    if not total:
        return ()
    return tuple(traded * CURVE_WHOLE // total for traded in accumulate(volumes))


CURVE_BUCKETS_MIN: Final = 2
"""Fewer are no curve."""
