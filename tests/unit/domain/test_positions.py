"""Positions and balances as a fold over fills."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import Fill, Side
from genesis.domain.positions import BalanceFold, Position
from genesis.units import SCALE, decimal_from_fixed
from tests.support.builders import LOT, PRICE, btc, fill

BTC = btc()


def fold(fills: list[Fill]) -> Position:
    position = Position()
    for each in fills:
        position.apply(each, BTC)
    return position


def test_a_round_trip_by_hand() -> None:
    """Buy 0.002 at 60 000 and 0.001 at 61 500, sell all at 62 000: 4.14 after fees in quote."""
    bought = [
        fill(1, quantity=2 * LOT, price=60_000 * SCALE, fee=12 * SCALE // 100),
        fill(2, quantity=LOT, price=61_500 * SCALE, fee=6 * SCALE // 100),
    ]
    position = fold(bought)
    # cost: 120 + 0.12 + 61.5 + 0.06
    assert decimal_from_fixed(position.cost) == Decimal("181.68")
    assert decimal_from_fixed(position.average_entry_price) == Decimal("60560")
    assert decimal_from_fixed(position.unrealized(62_000 * SCALE)) == Decimal("4.32")
    sold = fill(3, side=Side.SELL, quantity=3 * LOT, price=62_000 * SCALE, fee=18 * SCALE // 100)
    position.apply(sold, BTC)
    # proceeds: 186 - 0.18
    assert decimal_from_fixed(position.realized) == Decimal("4.14")
    assert (position.quantity, position.cost, position.fills) == (0, 0, 3)


def test_a_fee_in_the_base_asset_shrinks_the_lots() -> None:
    """What is received is the quantity less the fee, at the whole cost."""
    position = fold([fill(1, quantity=LOT, fee=LOT // 1000, fee_asset="BTC")])
    assert position.quantity == LOT - LOT // 1000
    assert position.cost == PRICE * LOT // SCALE


def test_a_fee_in_a_third_asset_leaves_the_position_alone() -> None:
    """It is booked under its own asset, and nowhere else."""
    paid = fill(1, fee=5, fee_asset="BNB")
    assert fold([paid]).quantity == LOT
    changes: dict[str, int] = {}
    BalanceFold(changes).apply_fill(paid, BTC)
    assert changes == {"BTC": LOT, "USDT": -60 * SCALE, "BNB": -5}


def test_a_sale_takes_its_share_of_the_cost() -> None:
    """Average cost: half of the lots take half of the cost with them."""
    position = fold([fill(1, quantity=2 * LOT)])
    position.apply(fill(2, side=Side.SELL, quantity=LOT, price=PRICE + 1_000 * SCALE), BTC)
    assert decimal_from_fixed(position.realized) == Decimal(1)
    assert position.average_entry_price == PRICE


def test_transfers_move_the_balance() -> None:
    """A deposit and a withdrawal of the same amount leave nothing behind."""
    changes: dict[str, int] = {}
    balances = BalanceFold(changes)
    balances.apply_transfer("USDT", 7)
    balances.apply_transfer("USDT", -7)
    assert changes == {"USDT": 0}


def test_a_flat_position_has_no_average_price() -> None:
    """Nothing held has cost nothing."""
    assert Position().average_entry_price == 0


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), st.integers(0, 2**32))
def test_profit_of_a_closed_position_is_exact(quantities: list[int], seed: int) -> None:
    """Sold out in whatever slices, realized PnL is proceeds less payments, to the last unit."""
    chance = random.Random(seed)
    position = Position()
    flow = 0
    for trade_id, quantity in enumerate(quantities):
        bought = fill(trade_id, quantity=quantity, price=chance.randrange(1, 10**13), fee=3)
        flow -= bought.quote_amount + bought.fee
        position.apply(bought, BTC)
    while position.quantity:
        quantity = chance.randint(1, position.quantity)
        sold = fill(0, side=Side.SELL, quantity=quantity, price=chance.randrange(1, 10**13), fee=2)
        flow += sold.quote_amount - sold.fee
        position.apply(sold, BTC)
    assert position.cost == 0
    assert position.realized == flow


@given(st.permutations(range(6)))
def test_balances_do_not_depend_on_the_order_of_fills(order: list[int]) -> None:
    """The fold over balances is the same for every permutation."""
    fills = [
        fill(n, side=Side.BUY if n % 2 else Side.SELL, quantity=(n + 1) * LOT, fee=n)
        for n in range(6)
    ]
    expected: dict[str, int] = {}
    changes: dict[str, int] = {}
    for n in range(6):
        BalanceFold(expected).apply_fill(fills[n], BTC)
        BalanceFold(changes).apply_fill(fills[order[n]], BTC)
    assert changes == expected


@pytest.mark.parametrize("field", ["quantity", "fee"])
def test_impossible_fills_are_our_bug(field: str) -> None:
    """A fill without quantity, or with a negative fee, never comes from the parser."""
    bad = fill(1, quantity=0) if field == "quantity" else fill(1, fee=-1)
    with pytest.raises(AssertionError):
        Position().apply(bad, BTC)
