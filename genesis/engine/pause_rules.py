"""Entries that stop for a while because of how the last round trips ended. Pure.

Each rule is a function of a record of closed round trips, and of nothing else: the same record says
the same after a restart. A pause ends by itself, counted from the round trip that is behind it.
"""

from collections.abc import Iterable

import msgspec

from genesis.domain.orders import RefusalRule
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.risk_state import BASIS_POINTS, Pause
from genesis.units import NANOS_PER_SECOND, Nanos, text_from_fixed


class PauseRules(msgspec.Struct, frozen=True, kw_only=True):
    """When entries stop, and for how long; a count of 0 (a cool-down of 0) switches a rule off.

    `low_profit_bps` is of what the round trips paid, and may be negative.
    """

    storm_stops: int
    storm_window: Nanos
    storm_pause: Nanos
    cool_down: Nanos
    losses_in_row: int
    losses_pause: Nanos
    low_profit_trips: int
    low_profit_window: Nanos
    low_profit_bps: int
    low_profit_pause: Nanos


def after_losses(record: StrategyRecord, rules: PauseRules) -> Pause | None:
    """Stop a strategy that has lost several times on end."""
    limit = rules.losses_in_row
    if not limit or record.losses_in_row < limit:
        return None
    return Pause(
        rule=RefusalRule.LOSSES_IN_ROW,
        until=record.last_loss_at + rules.losses_pause,
        limit=f"fewer than {limit} losses on end",
        observed=str(record.losses_in_row),
    )


def after_stop(record: StrategyRecord, rules: PauseRules) -> Pause | None:
    """Let an instrument cool down that somebody was stopped out of."""
    if not rules.cool_down or not record.last_stop_at:
        return None
    return Pause(
        rule=RefusalRule.COOL_DOWN,
        until=record.last_stop_at + rules.cool_down,
        limit=f"{rules.cool_down // NANOS_PER_SECOND} s after a stop",
        observed="stopped out",
    )


def for_low_profit(record: StrategyRecord, rules: PauseRules) -> Pause | None:
    """Leave an instrument alone that brought too little over the window before its last trip."""
    if not rules.low_profit_trips:
        return None
    trips = record.since(record.last_closed_at - rules.low_profit_window)
    if len(trips) < rules.low_profit_trips:
        return None
    paid, result = sum(trip.paid for trip in trips), sum(trip.result for trip in trips)
    if result * BASIS_POINTS >= rules.low_profit_bps * paid:
        return None
    return Pause(
        rule=RefusalRule.LOW_PROFIT,
        until=record.last_closed_at + rules.low_profit_pause,
        limit=f"{rules.low_profit_bps} bps of {text_from_fixed(paid)}",
        observed=f"{text_from_fixed(result)} in {len(trips)} round trips",
    )


def after_storm(records: Iterable[StrategyRecord], rules: PauseRules) -> Pause | None:
    """Stop everybody when many were stopped out within the window, whoever they were."""
    limit = rules.storm_stops
    if not limit:
        return None
    stops = sorted(
        trip.closed_at for record in records for trip in record.recent if trip.is_stopped
    )
    storms = [
        last
        for first, last in zip(stops, stops[limit - 1 :], strict=False)
        if last - first < rules.storm_window
    ]
    if not storms:
        return None
    return Pause(
        rule=RefusalRule.STOP_STORM,
        until=storms[-1] + rules.storm_pause,
        limit=f"fewer than {limit} stops in {rules.storm_window // NANOS_PER_SECOND} s",
        observed=str(limit),
    )
