"""What the journal says of parent orders, read by hand beside the engine's own fold."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from genesis.domain.child_names import parent_of
from genesis.engine.entries import FillBooked, OrderPrepared, ParentEnded, ParentOpened
from genesis.storage.journal import Journal
from genesis.units import NANOS_PER_SECOND, SCALE, Nanos

_BASIS_POINTS: Final = 10_000


@dataclass
class ParentRecord:
    """One parent and all that was traded for it, in the order of the journal."""

    opened: ParentOpened
    end: str = ""
    ended_at: Nanos = 0
    asked: int = 0
    """Quantity over all children; what was not filled was asked for again."""
    children: int = 0
    fills: list[tuple[Nanos, int, int, int]] = field(default_factory=list)
    """When it was booked, price, quantity, quote amount."""

    @property
    def filled(self) -> int:
        """Return what was traded in all."""
        return sum(quantity for _at, _price, quantity, _amount in self.fills)

    @property
    def excess(self) -> int:
        """Return what was traded beyond the parent's quantity."""
        return max(0, self.filled - self.opened.quantity)

    @property
    def beyond_cap(self) -> int:
        """Return how many fills were worse than the impact limit allows."""
        cap, side = self.opened.price_cap, self.opened.side
        return sum((price - cap) * side > 0 for _at, price, _quantity, _amount in self.fills)

    @property
    def slippage_bps(self) -> float:
        """Return how much worse than the arrival price the average is."""
        average = sum(amount for *_, amount in self.fills) * SCALE / max(1, self.filled)
        arrival = self.opened.arrival_price
        return (average - arrival) * self.opened.side / arrival * _BASIS_POINTS

    def filled_by(self, at: Nanos) -> int:
        """Return what had been traded by a time."""
        times = [booked_at for booked_at, *_ in self.fills]
        return sum(quantity for _, _, quantity, _ in self.fills[: bisect_right(times, at)])

    def behind(self, at: Nanos) -> float:
        """Return how far behind its schedule it was at a time, as a share of the whole.

        The schedule is worked out anew here, as a line: between two slices it is behind by up to
        the one that has just begun, or ahead by up to the one that is done.
        """
        share = min(1.0, max(0.0, (at - self.opened.at) / self.opened.plan.duration))
        due = _on_curve(self.opened.plan.curve, share) if self.opened.plan.curve else share
        return due - self.filled_by(at) / self.opened.quantity

    def largest_error(
        self, until: Nanos | None = None, step: Nanos = NANOS_PER_SECOND // 20
    ) -> float:
        """Return the largest distance from the line, either way, looked at every 50 ms."""
        end = self.opened.at + self.opened.plan.duration if until is None else until
        return max(abs(self.behind(at)) for at in range(self.opened.at, end, step))

    @property
    def largest_slice(self) -> float:
        """Return the largest share that falls due at once."""
        plan = self.opened.plan
        curve = plan.curve
        shares = [
            _on_curve(curve, place / plan.slices) if curve else place / plan.slices
            for place in range(plan.slices + 1)
        ]
        return max(after - before for before, after in pairwise(shares))


def read_parents(state_dir: Path) -> dict[int, ParentRecord]:
    """Read every parent of an engine that has ended."""
    (path,) = state_dir.glob("*.journal.db")
    parents: dict[int, ParentRecord] = {}
    owners: dict[str, ParentRecord] = {}
    journal = Journal(path, "full")
    try:
        for entry in journal.read():
            match entry:
                case ParentOpened():
                    parents[entry.number] = ParentRecord(entry)
                case OrderPrepared(signal=signal, intent=intent):
                    parent = parents.get(parent_of(signal.strategy_number, signal.sequence))
                    if parent is not None:
                        owners[intent.client_order_id] = parent
                        parent.asked += intent.quantity
                        parent.children += 1
                case FillBooked(fill=fill, at=at) if fill.client_order_id in owners:
                    owners[fill.client_order_id].fills.append(
                        (at, fill.price, fill.quantity, fill.quote_amount)
                    )
                case ParentEnded(number=number, reason=reason, at=at):
                    parents[number].end = reason
                    parents[number].ended_at = at
                case _:
                    pass
    finally:
        journal.close()
    return parents


def _on_curve(curve: tuple[int, ...], share: float) -> float:
    """Return the share of volume by a share of the time, evenly within a bucket."""
    place = share * len(curve)
    bucket = min(int(place), len(curve) - 1)
    before = curve[bucket - 1] if bucket else 0
    return (before + (curve[bucket] - before) * (place - bucket)) / curve[-1]
