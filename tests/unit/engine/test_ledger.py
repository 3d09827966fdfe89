"""The fold: what it keeps, what it forgets, and what must never reach it."""

import msgspec
import pytest

from genesis.domain.orders import OrderState
from genesis.engine import ledger as ledger_module
from genesis.engine.entries import (
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
    TradingHalted,
    TradingResumed,
)
from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import LedgerState
from genesis.limits import SETTLED_ORDERS_KEPT
from tests.support.builders import LOT, NOW, SECOND, VENUE_MS, fill, intent


def prepared(name: str, sequence: int = 1) -> OrderPrepared:
    return OrderPrepared(
        signal=SignalId(7, 1, sequence),
        attempt=1,
        intent=intent(name),
        base_asset="BTC",
        quote_asset="USDT",
        timestamp_ms=VENUE_MS,
        receive_window_ms=2_000,
        signal_at=NOW,
        at=NOW,
    )


def moved(name: str, state: OrderState, filled: int = 0) -> OrderMoved:
    return OrderMoved(name, state, 100, filled, "", NOW + SECOND)


def test_settled_orders_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones are kept, for late reports; the memory is bounded."""
    assert SETTLED_ORDERS_KEPT > 1_000
    monkeypatch.setattr(ledger_module, "SETTLED_ORDERS_KEPT", 2)
    monkeypatch.setattr(ledger_module, "SETTLED_ORDERS_SPARE", 3)
    ledger = Ledger()
    for number, name in enumerate("abcdef"):
        assert len(ledger.state.settled_orders) == number, "some are kept beyond what must be"
        ledger.apply(prepared(name))
        ledger.apply(moved(name, OrderState.CANCELED))
    assert list(ledger.state.settled_orders) == ["d", "e", "f"]
    assert ledger.find_order("a") is None
    assert ledger.find_by_venue_id("BTCUSDT", 100) is None


def test_an_order_stays_live_while_its_fills_are_missing() -> None:
    """FILLED without its trades is not settled, and keeps its risk reserved."""
    ledger = Ledger()
    ledger.apply(prepared("a"))
    ledger.apply(moved("a", OrderState.FILLED, LOT))
    order = ledger.state.live_orders["a"]
    assert order.misses_fills
    assert order.working_quantity == LOT
    ledger.apply(FillBooked(fill(client_order_id="a"), NOW))
    assert not ledger.state.live_orders
    assert ledger.state.settled_orders["a"].working_quantity == 0


def test_a_late_fill_brings_a_settled_order_back() -> None:
    """The total grows before its trade is known: it is live again until the trade is booked."""
    ledger = Ledger()
    ledger.apply(prepared("a"))
    ledger.apply(moved("a", OrderState.CANCELED))
    ledger.apply(moved("a", OrderState.CANCELED, LOT))
    assert list(ledger.state.live_orders) == ["a"]


def test_a_person_s_word_lifts_every_halt() -> None:
    """For all, and for each strategy."""
    ledger = Ledger()
    ledger.apply(TradingHalted("why", None, NOW))
    ledger.apply(TradingHalted("why", "ema_cross-1", NOW))
    ledger.apply(TradingResumed(NOW))
    assert (ledger.state.halt_reason, ledger.state.halted_strategies) == ("", {})


def test_the_state_can_be_stored_and_read_back() -> None:
    """It is plain data: JSON and back is the same state."""
    ledger = Ledger()
    ledger.apply(prepared("a"))
    ledger.apply(FillBooked(fill(client_order_id="a"), NOW))
    stored = msgspec.json.encode(ledger.state)
    assert msgspec.json.decode(stored, type=LedgerState) == ledger.state


@pytest.mark.parametrize(
    "entry",
    [moved("nobody", OrderState.FILLED), FillBooked(fill(client_order_id="nobody"), NOW)],
    ids=["move", "fill"],
)
def test_an_entry_without_its_order_is_our_bug(entry: OrderMoved | FillBooked) -> None:
    """The journal holds an order before anything about it."""
    with pytest.raises(AssertionError):
        Ledger().apply(entry)
