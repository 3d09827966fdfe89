"""Every unit of the account is a strategy's or the house's."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.domain.orders import Fill, Side
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.entries import (
    BalanceOpened,
    CapitalAllotted,
    EquityMarked,
    ExternalFillBooked,
    FeesValued,
    FillBooked,
    OrderPrepared,
    SignalId,
    TransferBooked,
)
from genesis.engine.ledger import Ledger
from genesis.engine.reconciliation import TradeCursor
from genesis.engine.sub_ledgers import differences, house_balances
from genesis.engine.teller import Teller
from genesis.units import SCALE, Amount
from tests.support.builders import LOT, NOW, SECOND, VENUE_MS, catalogue, fill, intent

STEP = SCALE // 100_000


def prepared(name: str, side: Side, strategy_id: str = "ema_cross-1") -> OrderPrepared:
    wish = msgspec.structs.replace(intent(name, side=side), strategy_id=strategy_id)
    return OrderPrepared(
        signal=SignalId(7, 1, 1),
        attempt=1,
        intent=wish,
        base_asset="BTC",
        quote_asset="USDT",
        timestamp_ms=VENUE_MS,
        receive_window_ms=2_000,
        signal_at=NOW,
        at=NOW,
        step_size=STEP,
    )


def bookkeeper(ledger: Ledger, worth: Amount | None = None) -> Bookkeeper:
    """Return one for whom every amount of a third asset is worth the same."""
    teller = Teller(ledger=ledger, catalogue=catalogue(), strategies={}, epoch=1)
    return Bookkeeper(ledger, teller, TradeCursor(ledger), lambda *_: worth)


def opened() -> Ledger:
    """Return the books of an account with an order to buy and one to sell, of two strategies."""
    ledger = Ledger()
    ledger.apply(BalanceOpened("USDT", 1_000 * SCALE, NOW))
    ledger.apply(BalanceOpened("BNB", SCALE, NOW))
    for strategy_id in ("a", "b"):
        ledger.apply(prepared(f"{strategy_id}-buy", Side.BUY, strategy_id))
        ledger.apply(prepared(f"{strategy_id}-sell", Side.SELL, strategy_id))
    return ledger


def fills(chance: random.Random, count: int) -> list[Fill]:
    """Return fills of both strategies, in order; neither sells more than it holds."""
    held, made = {"a": 0, "b": 0}, []
    for trade_id in range(1, count + 1):
        owner = chance.choice("ab")
        side = chance.choice([Side.BUY, Side.SELL]) if held[owner] > STEP else Side.BUY
        quantity = STEP * chance.randint(1, max(1, held[owner] // STEP) if side < 0 else 90)
        asset = chance.choice(["USDT", "BNB", "BTC"] if side > 0 else ["USDT", "BNB"])
        fee = quantity // 1_000
        held[owner] += side * quantity - (fee if asset == "BTC" else 0)
        name = f"{owner}-{'buy' if side > 0 else 'sell'}"
        price = chance.randrange(50_000, 70_000) * SCALE
        made.append(
            fill(
                trade_id,
                client_order_id=name,
                side=side,
                quantity=quantity,
                price=price,
                fee=fee,
                fee_asset=asset,
            )
        )
    return made


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_whatever_moves_money_moves_a_sub_ledger(seed: int, count: int) -> None:
    """Fills with fees of every kind, trades of others, transfers: together they are the account."""
    chance = random.Random(seed)
    ledger = opened()
    books = bookkeeper(ledger, chance.choice([None, 3, 5 * SCALE]))
    for each in fills(chance, count):
        if chance.random() < 0.5:
            books.record(TransferBooked("USDT", chance.randint(-(10**9), 10**9), NOW))
        else:
            others = fill(10**6 + each.trade_id)
            books.record(ExternalFillBooked(others, "BTC", "USDT", NOW))
        books.book_fill(ledger.state.live_orders[each.client_order_id], each, NOW)
        assert not differences(ledger.state)
    bookkeeper(ledger, SCALE).value_fees(NOW)
    assert not ledger.state.unvalued_fees
    assert not differences(ledger.state)
    house = house_balances(ledger.state, {"a", "b"})
    for asset in ("BTC", "BNB"):
        strategies = sum(
            position.quantity if asset == "BTC" else 0
            for held in ledger.state.positions.values()
            for position in held.values()
        )
        assert house.get(asset, 0) + strategies == ledger.expected_balance(asset)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_books_do_not_depend_on_how_fills_arrive(seed: int, count: int) -> None:
    """Booked in any order, and twice or more: positions, records and balances are the same."""
    chance = random.Random(seed)
    made = fills(chance, count)
    arrived = made + chance.sample(made, chance.randint(0, count))
    chance.shuffle(arrived)
    ledgers = []
    for each in (made, arrived):
        ledger = opened()
        books = bookkeeper(ledger, 7)
        for one in each:
            books.book_fill(ledger.state.live_orders[one.client_order_id], one, NOW)
        ledgers.append(ledger)
    ours, other = (ledger.state for ledger in ledgers)
    assert ours.positions == other.positions
    assert ours.balance_changes == other.balance_changes
    assert ledgers[0].record_of("a") == ledgers[1].record_of("a")
    assert ledgers[0].record_of_instrument("BTCUSDT").trips == sum(
        ledgers[1].record_of(strategy_id).trips for strategy_id in "ab"
    )


def test_a_unit_that_nobody_owns_is_found() -> None:
    """And no entry is recorded on such books without anybody noticing."""
    ledger = opened()
    ledger.apply(FillBooked(fill(client_order_id="a-buy"), NOW))
    ledger.state.positions["a"]["BTCUSDT"].quantity -= 1
    assert differences(ledger.state) == {"BTC": 1}
    with pytest.raises(AssertionError, match="sub-ledgers"):
        bookkeeper(ledger).record(TransferBooked("USDT", 1, NOW))


def test_a_fill_that_moves_both_sides_apart_is_our_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fill is held against what it moves, without a look at all the others."""
    ledger = opened()
    monkeypatch.setattr("genesis.domain.positions.Position.apply", lambda *_: None)
    with pytest.raises(AssertionError, match="as it moves balances"):
        bookkeeper(ledger).book_fill(
            ledger.state.live_orders["a-buy"], fill(client_order_id="a-buy"), NOW
        )


def test_a_fee_without_a_price_is_kept_and_charged_later() -> None:
    """By hand: two fees of 5 and 6 in BNB have no price; later they are worth 22 together."""
    ledger = opened()
    for trade_id, fee in ((1, 5), (2, 6)):
        bought = fill(trade_id, client_order_id="a-buy", fee=fee, fee_asset="BNB")
        bookkeeper(ledger).book_fill(ledger.state.live_orders["a-buy"], bought, NOW)
    assert ledger.state.unvalued_fees == {"a": {"BTCUSDT": {"BNB": 11}}}
    assert ledger.position("a", "BTCUSDT").realized == 0
    assert not bookkeeper(ledger).value_fees(NOW), "there is no price yet"
    assert bookkeeper(ledger, 22).value_fees(NOW)
    assert not ledger.state.unvalued_fees
    assert ledger.position("a", "BTCUSDT").realized == -22
    assert house_balances(ledger.state, {"a"}) == {"BNB": SCALE - 11, "USDT": 1_000 * SCALE}
    with pytest.raises(KeyError):
        ledger.apply(FeesValued("a", "BTCUSDT", "BNB", 11, 22, NOW))


def test_a_fee_with_a_price_is_charged_at_once() -> None:
    """At what it was worth at the time: a later price changes nothing."""
    ledger = opened()
    bought = fill(client_order_id="a-buy", fee=5, fee_asset="BNB")
    bookkeeper(ledger, 9).book_fill(ledger.state.live_orders["a-buy"], bought, NOW)
    assert ledger.position("a", "BTCUSDT").realized == -9
    assert not bookkeeper(ledger, 100).value_fees(NOW)


def test_lots_of_a_strategy_that_does_not_run_are_the_house_s() -> None:
    """They are shown there, and are the strategy's again when it runs again."""
    ledger = opened()
    ledger.apply(FillBooked(fill(client_order_id="a-buy"), NOW))
    assert house_balances(ledger.state, {"b"})["BTC"] == LOT
    assert "BTC" not in house_balances(ledger.state, {"a", "b"})


def test_more_capital_is_no_profit() -> None:
    """The peak and the day's opening move with it, so neither a loss limit nor a drawdown does."""
    ledger = Ledger()
    ledger.apply(CapitalAllotted(2_000, NOW))
    ledger.apply(EquityMarked(2_100, 2_150, 20_000, 2_050, NOW))
    ledger.apply(CapitalAllotted(1_500, NOW + SECOND))
    state = ledger.state
    assert (state.peak_equity, state.day_opening_equity, state.capital) == (1_650, 1_550, 1_500)
