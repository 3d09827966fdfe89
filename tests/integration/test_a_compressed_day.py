"""A client's day in seconds: all that a venue can do to it. `scripts/compressed_day.py` is long.

The controls of the long form show that a part taken out of the client is found.
"""

from pathlib import Path

from scripts.day.life import Life, live
from scripts.day.scale import Scale
from scripts.day.schedule import least_day_s

SEED = 7


def test_a_day_is_lived_through_with_the_ledger_equal(tmp_path: Path) -> None:
    """Bans, steps of clocks, dead and silent sockets, lost events: books equal, no limit broken."""
    life = Life(scale=Scale(day_s=least_day_s(), life_s=3), days=1, seed=SEED)
    outcome = live(life, tmp_path, lambda _doing: None)

    assert outcome.violations == []
    assert outcome.missed == []
    assert outcome.rotations > 0
    assert outcome.audit.fills > 0
    assert outcome.report is not None
    assert outcome.report.ledger_equal is True
    for trace in ("symbol_suspended", "symbol_resumed", "instrument_changed", "user_stream_gap"):
        assert outcome.events[trace] > 0, trace
