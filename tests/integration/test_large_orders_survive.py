"""A large order worked in slices by a real engine whose executor is killed half-way.

`scripts/slice_orders.py` is long: TWAP and VWAP on the real tape, and the whole engine killed too.
"""

from pathlib import Path

from scripts.slice_orders import Case, carry_out, engine_words
from scripts.slices.audit import read_parents
from scripts.slices.engine import OperatedEngine

SHORT_FENCE = ("--set", "orders.recv_window_ms=500", "--set", "orders.fence_margin_ms=500")


def test_a_twap_goes_on_where_its_schedule_stands(tmp_path: Path) -> None:
    """The successor places the rest and no more, and the books agree with the venue's."""
    state = tmp_path / "state"
    words = [*engine_words(None, "BTCUSDT", 1), *SHORT_FENCE]

    with OperatedEngine(state, words) as engine:
        case = Case("twap", "twap", "executor")
        done = carry_out(engine, case, notional=5_000, seconds=4, slices=8)
        engine.wait_until(lambda status: status.ledger_equal is True, 10)
        status = engine.status()
        assert engine.stop() == 0

    record = read_parents(state)[done.number]
    assert done.killed_at > record.opened.at
    assert record.end == "filled"
    assert record.filled == record.opened.quantity
    assert record.beyond_cap == 0
    assert any(at < done.killed_at for at, *_ in record.fills)
    assert any(at > done.killed_at for at, *_ in record.fills)
    assert status is not None
    (shown,) = status.parents
    assert (shown.number, shown.end, shown.children) == (1, "filled", record.children)
    assert shown.slippage_bps == round(record.slippage_bps, 3)
