"""What a worker that is behind keeps of its backlog."""

from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.market import Bar, MarketEvent, MarketGap, Quote, TradeTick
from genesis.strategies.conflation import conflate
from tests.support.builders import LOT, NOW, PRICE, quote


def event(kind: str, instrument_id: int, sequence: int) -> MarketEvent:
    """Return one record of the ring."""
    made: MarketEvent
    match kind:
        case "quote":
            made = quote(instrument_id)
        case "trade":
            made = TradeTick(
                instrument_id, PRICE, LOT, 1, buyer_is_maker=False, event_at=0, received_at=NOW
            )
        case "bar":
            made = Bar(instrument_id, 1_000, PRICE, PRICE, PRICE, PRICE, LOT, 1, 0, 0, NOW)
        case _:
            made = MarketGap(instrument_id, 1, 0, NOW)
    made.sequence = sequence
    return made


BACKLOG = st.lists(
    st.tuples(st.sampled_from(["quote", "trade", "bar", "gap"]), st.integers(0, 3)), max_size=60
).map(lambda rows: [event(kind, one, row + 1) for row, (kind, one) in enumerate(rows)])


@given(BACKLOG)
def test_only_older_quotes_are_left_out(backlog: list[MarketEvent]) -> None:
    """Of each instrument the newest quote is kept, and every record that is not a quote."""
    conflated = conflate(backlog)

    kept = {one.instrument_id: one for one in conflated.events if isinstance(one, Quote)}
    newest = {one.instrument_id: one for one in backlog if isinstance(one, Quote)}
    rest = [one for one in backlog if not isinstance(one, Quote)]
    assert kept == newest
    assert conflated.events == [*kept.values(), *rest]
    assert len(conflated.events) + sum(conflated.skipped.values()) == len(backlog)


def test_skipped_quotes_are_counted_by_instrument() -> None:
    """Who lost how many quotes is known, and who lost none is not named."""
    backlog = [event("quote", instrument_id, row) for row, instrument_id in enumerate([0, 1, 0, 0])]
    assert conflate(backlog).skipped == {0: 2}
