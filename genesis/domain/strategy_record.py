"""What became of a strategy's closed round trips: wins, losses, and how they lie in time. Pure.

A round trip begins with the first fill that opens a position and ends with the fill that leaves
nothing of it that could be sold. It is folded from booked fills alone, in the order of the venue's
trade ids, so that it is the same after a restart, and whatever way the fills arrived.
"""

from collections.abc import Iterable

import msgspec

from genesis.limits import ROUND_TRIPS_KEPT
from genesis.units import Amount, Nanos


class RoundTrip(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One closed round trip, in the quote asset, fees included.

    `paid` is what its buys cost, `result` what it brought beyond that: a loss is negative.
    `is_stopped`: it lost, and its last lots were sold at its stop price or below. The times are the
    venue's, of its first and its last trade.
    """

    opened_at: Nanos
    closed_at: Nanos
    paid: Amount
    result: Amount
    is_stopped: bool


class StrategyRecord(msgspec.Struct, gc=False):
    """Closed round trips added up, of one strategy in one instrument or of several together.

    `gross_win` and `gross_loss` are both positive. A trip that came out even is neither a win nor a
    loss, and ends a row of losses. `recent` are the last `ROUND_TRIPS_KEPT`, the latest last, for
    whoever asks what happened in a span of time. Times are 0 where there was none.
    """

    trips: int = 0
    wins: int = 0
    losses: int = 0
    gross_win: Amount = 0
    gross_loss: Amount = 0
    paid: Amount = 0
    losses_in_row: int = 0
    last_closed_at: Nanos = 0
    last_loss_at: Nanos = 0
    last_stop_at: Nanos = 0
    recent: tuple[RoundTrip, ...] = ()

    @property
    def net(self) -> Amount:
        """Return what all closed round trips brought together."""
        return self.gross_win - self.gross_loss

    def add(self, trip: RoundTrip) -> None:
        """Count one more round trip, closed after all that were counted before."""
        self.trips += 1
        self.paid += trip.paid
        self.last_closed_at = trip.closed_at
        self.recent = (*self.recent[1 - ROUND_TRIPS_KEPT :], trip)
        if trip.result < 0:
            self.losses += 1
            self.gross_loss -= trip.result
            self.losses_in_row += 1
            self.last_loss_at = trip.closed_at
            if trip.is_stopped:
                self.last_stop_at = trip.closed_at
            return
        self.losses_in_row = 0
        if trip.result > 0:
            self.wins += 1
            self.gross_win += trip.result

    def since(self, start: Nanos) -> tuple[RoundTrip, ...]:
        """Return the round trips closed at or after a time, as far back as they are kept."""
        return tuple(trip for trip in self.recent if trip.closed_at >= start)


def merge_records(records: Iterable[StrategyRecord]) -> StrategyRecord:
    """Add up records, as of one strategy's instruments or one instrument's strategies.

    The row of losses is told by the trips that are kept, in the order in which they closed, so it
    is at most as long as those.
    """
    several = [record for record in records if record.trips]
    if len(several) == 1:
        return several[0]
    closed = sorted(
        (trip for record in several for trip in record.recent),
        key=_closing,
    )
    row = 0
    for trip in reversed(closed):
        if trip.result >= 0:
            break
        row += 1
    return StrategyRecord(
        trips=sum(record.trips for record in several),
        wins=sum(record.wins for record in several),
        losses=sum(record.losses for record in several),
        gross_win=sum(record.gross_win for record in several),
        gross_loss=sum(record.gross_loss for record in several),
        paid=sum(record.paid for record in several),
        losses_in_row=row,
        last_closed_at=max((record.last_closed_at for record in several), default=0),
        last_loss_at=max((record.last_loss_at for record in several), default=0),
        last_stop_at=max((record.last_stop_at for record in several), default=0),
        recent=tuple(closed[-ROUND_TRIPS_KEPT:]),
    )


def _closing(trip: RoundTrip) -> tuple[Nanos, Nanos, Amount]:
    return trip.closed_at, trip.opened_at, trip.result
