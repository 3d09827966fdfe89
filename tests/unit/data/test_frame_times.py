"""The times of the venue's frames, in the unit that was asked for."""

import pytest

from genesis.data.market_feed import MarketDataFeed
from genesis.domain.market import Bar, MarketGap, TradeTick
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, NANOS_PER_US, Nanos
from tests.support.market_frames import NOW, depth, kline, snapshot, trade
from tests.support.tape import catalogue_of


@pytest.mark.parametrize("unit", [NANOS_PER_MS, NANOS_PER_US])
def test_times_come_in_either_unit(unit: Nanos) -> None:
    """Trades, bars and depth tell theirs by its size, to the last digit."""
    feed = MarketDataFeed(catalogue_of("BTCUSDT"), event_age_max=NANOS_PER_SECOND)
    at = NOW - 7 * unit
    frames = (
        trade(7, E=at // unit, T=at // unit),
        kline(60_000 * NANOS_PER_MS * 30_000_000 // unit, event_ms=at // unit),
        depth(3, 4, E=at // unit),
        depth(9, 9, E=at // unit),
    )
    feed.receive_snapshot(0, snapshot(4), NOW)
    events = feed.receive_frames(frames, NOW)

    assert [
        (type(event), event.event_at)
        for event in events
        if isinstance(event, TradeTick | Bar | MarketGap)
    ] == [(TradeTick, at), (Bar, at), (MarketGap, at)]
    (bar,) = (event for event in events if isinstance(event, Bar))
    assert bar.open_at == 1_800_000_000 * NANOS_PER_SECOND
