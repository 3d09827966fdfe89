"""Positions and balances as a fold over fills."""

import random
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.domain.orders import Fill, Side
from genesis.domain.positions import BalanceFold, Position, PositionFigures
from genesis.limits import POSITION_TRADES_KEPT
from genesis.units import SCALE, decimal_from_fixed
from tests.support.builders import LOT, NOW, PRICE, fill


class Traded(NamedTuple):
    """What a position asks of the order behind a fill."""

    base_asset: str = "BTC"
    quote_asset: str = "USDT"
    step_size: int = 0
    stop_price: int = 0


BTC = Traded()
STEP = LOT // 100


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
        price, trade_id = chance.randrange(1, 10**13), position.fills
        sold = fill(trade_id, side=Side.SELL, quantity=quantity, price=price, fee=2)
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


class Slow:
    """The same books in plain Decimal arithmetic: every trade again, from the first, each time."""

    def __init__(self, fills: list[Fill], step: int) -> None:
        self.quantity = self.cost = self.realized = self.dust = self.dust_cost = Decimal(0)
        self.trips: list[Decimal] = []
        self.step = decimal_from_fixed(step)
        self.before: Decimal | None = None
        for each in sorted({each.trade_id: each for each in fills}.values(), key=trade_id_of):
            self.take(each)

    def take(self, each: Fill) -> None:
        """Take one fill, in the order of trade ids."""
        lots, amount = decimal_from_fixed(each.quantity), decimal_from_fixed(each.quote_amount)
        fee = decimal_from_fixed(each.fee)
        if each.side is Side.BUY:
            lots -= fee if each.fee_asset == "BTC" else 0
            amount += fee if each.fee_asset == "USDT" else 0
            self.quantity, self.dust = self.quantity + self.dust + lots, Decimal(0)
            self.cost, self.dust_cost = self.cost + self.dust_cost + amount, Decimal(0)
            if self.before is None:
                self.before = self.realized
            return
        lots += fee if each.fee_asset == "BTC" else 0
        amount -= fee if each.fee_asset == "USDT" else 0
        # In units of the eighth decimal, rounded down, as money is booked.
        share = (self.cost * lots / self.quantity).quantize(Decimal("1e-8"), "ROUND_FLOOR")
        if lots == self.quantity:
            share = self.cost
        self.quantity, self.cost = self.quantity - lots, self.cost - share
        self.realized += amount - share
        if self.quantity < self.step or not self.quantity:
            self.dust, self.dust_cost = self.quantity, self.cost
            self.quantity = self.cost = Decimal(0)
            assert self.before is not None
            self.trips.append(self.realized - self.before)
            self.before = None


def trade_id_of(each: Fill) -> int:
    return each.trade_id


def history(chance: random.Random, length: int) -> list[Fill]:
    """Return fills of a strategy that never sells more than it holds, with fees of every kind."""
    held, fills = 0, []
    for trade_id in range(1, length + 1):
        is_sale = held >= STEP and chance.random() < 0.5
        lots = chance.randrange(STEP, held // STEP * STEP + 1, STEP) if is_sale else 0
        if is_sale and chance.random() < 0.5:
            lots = held // STEP * STEP
        quantity = lots or STEP * chance.randint(1, 50)
        price = chance.randrange(50_000, 70_000) * SCALE
        asset = chance.choice(["USDT", "BNB"] if is_sale else ["USDT", "BTC"])
        fee = quantity // 1_000 if asset == "BTC" else 7_654_321
        side = Side.SELL if is_sale else Side.BUY
        held += side * quantity - (fee if asset == "BTC" else 0)
        fills.append(
            fill(trade_id, side=side, quantity=quantity, price=price, fee=fee, fee_asset=asset)
        )
    return fills


def booked(fills: list[Fill]) -> Position:
    position = Position()
    for each in fills:
        position.apply(each, Traded(step_size=STEP))
    return position


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_figures_are_those_of_a_slow_oracle(seed: int, length: int) -> None:
    """Average cost, PnL, dust and round trips, in Decimal and from the first trade each time."""
    fills = history(random.Random(seed), length)
    position, slow = booked(fills), Slow(fills, STEP)
    ours = position.quantity, position.cost, position.realized, position.dust, position.dust_cost
    assert tuple(map(decimal_from_fixed, ours)) == (
        slow.quantity,
        slow.cost,
        slow.realized,
        slow.dust,
        slow.dust_cost,
    )
    assert [decimal_from_fixed(trip.result) for trip in position.record.recent] == slow.trips[-32:]
    assert position.record.trips == len(slow.trips)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, POSITION_TRADES_KEPT))
def test_figures_do_not_depend_on_how_fills_arrive(seed: int, length: int) -> None:
    """In any order, and again and again: the order that counts is that of the trade ids."""
    chance = random.Random(seed)
    fills = history(chance, length)
    arrived = fills + chance.sample(fills, chance.randint(0, length))
    chance.shuffle(arrived)
    assert booked(arrived) == booked(fills)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(2, POSITION_TRADES_KEPT))
def test_one_late_trade_in_a_long_history_finds_its_place(seed: int, late: int) -> None:
    """Figures of old are not kept by trade, but far enough back to begin again from there."""
    fills = history(random.Random(seed), 4 * POSITION_TRADES_KEPT + late)
    arrived = [*fills[:-late], *fills[1 - late :], fills[-late]]
    ours, expected = booked(arrived), booked(fills)
    for name in (*PositionFigures.__struct_fields__, "misplaced"):
        assert getattr(ours, name) == getattr(expected, name), name


def test_a_trade_that_is_too_late_is_counted_and_its_money_is_right() -> None:
    """Realized and unrealized may each be off then; lots and cash are those of all trades."""
    fills = history(random.Random(1), 3 * POSITION_TRADES_KEPT)
    late, expected = booked(fills[1:] + fills[:1]), booked(fills)
    assert (late.misplaced, expected.misplaced) == (1, 0)
    assert (late.lots, late.cash) == (expected.lots, expected.cash)
    assert len(late.trades) < 2 * POSITION_TRADES_KEPT


def test_a_position_is_stored_whole() -> None:
    """What is read back goes on as what was stored, late trades included."""
    fills = history(random.Random(2), 2 * POSITION_TRADES_KEPT + 20)
    position = booked(fills[:-2])
    again = msgspec.json.decode(msgspec.json.encode(position), type=Position)
    assert again == position
    for each in (fills[-1], fills[-2]):
        again.apply(each, Traded(step_size=STEP))
    assert again == booked([*fills[:-2], fills[-1], fills[-2]])


def test_dust_goes_to_the_house_and_comes_back() -> None:
    """A fraction that a base fee leaves cannot be sold: the trip is over, the strategy is flat.

    By hand: 0.001 at 60 000, 0.0000015 of it as fee, so 0.0009985 for 60. Sold 0.00099 at 61 000:
    60.39 for 0.00099/0.0009985 of the cost, which is 59.48923385 rounded down. Left: 0.0000085.
    """
    traded = Traded(step_size=STEP)
    position = Position()
    position.apply(fill(1, quantity=LOT, fee=150, fee_asset="BTC"), traded)
    assert position.quantity == 99_850
    position.apply(fill(2, side=Side.SELL, quantity=99_000, price=61_000 * SCALE), traded)
    assert (position.quantity, position.cost, position.dust) == (0, 0, 850)
    assert decimal_from_fixed(position.realized) == Decimal("0.90076615")
    assert decimal_from_fixed(position.dust_cost) == Decimal("0.51076615")
    assert decimal_from_fixed(position.record.gross_win) == Decimal("0.90076615")
    position.apply(fill(3, quantity=LOT), traded)
    assert (position.quantity, position.dust, position.dust_cost) == (100_850, 0, 0)
    assert decimal_from_fixed(position.cost) == Decimal("60.51076615")


def test_a_fee_in_a_third_asset_is_charged_at_its_worth() -> None:
    """It is PnL of the trip that it was paid for, and none of the quote asset's money."""
    position = Position()
    position.apply(fill(1, fee=5, fee_asset="BNB"), BTC, 3 * SCALE)
    position.apply(fill(2, side=Side.SELL, fee=5, fee_asset="BNB"), BTC, SCALE)
    assert (position.realized, position.charged, position.cash) == (-4 * SCALE, 4 * SCALE, 0)
    assert position.record.gross_loss == 4 * SCALE


def test_a_fee_that_is_valued_later_is_in_no_round_trip() -> None:
    """It is off what is realized, and stays so when an earlier trade arrives."""
    first, second = fill(1), fill(3, side=Side.SELL)
    position = Position()
    position.apply(first, BTC)
    position.charge_later(2 * SCALE)
    position.apply(second, BTC)
    assert (position.realized, position.charged) == (-2 * SCALE, 2 * SCALE)
    assert position.record.losses == 0
    position.apply(fill(2, quantity=2 * LOT), BTC)
    assert (position.realized, position.charged) == (-2 * SCALE, 2 * SCALE)
    assert position.quantity == 2 * LOT


def test_a_loss_at_the_stop_price_is_a_stop() -> None:
    """By the stop of the buys, whatever sold the lots; above it, it is a loss like any other."""
    traded = Traded(stop_price=PRICE - 100 * SCALE)
    for price, is_stopped in ((traded.stop_price, True), (traded.stop_price + 1, False)):
        position = Position()
        position.apply(fill(1), traded)
        position.apply(fill(2, side=Side.SELL, price=price), BTC)
        (trip,) = position.record.recent
        assert trip.is_stopped is is_stopped
        assert (trip.opened_at, trip.closed_at, trip.paid) == (NOW, NOW, 60 * SCALE)


def test_more_sold_than_held_leaves_no_cost_behind() -> None:
    """Buys may be missing yet; what covers has its cost realized, so flat costs nothing."""
    position = fold([fill(1, side=Side.SELL, quantity=2 * LOT), fill(2, quantity=LOT)])
    assert (position.quantity, position.cost, position.realized) == (-LOT, 0, 60 * SCALE)
    position.apply(fill(3, quantity=3 * LOT), BTC)
    assert (position.quantity, position.cost, position.realized) == (2 * LOT, 120 * SCALE, 0)


@pytest.mark.parametrize("field", ["quantity", "fee"])
def test_impossible_fills_are_our_bug(field: str) -> None:
    """A fill without quantity, or with a negative fee, never comes from the parser."""
    bad = fill(1, quantity=0) if field == "quantity" else fill(1, fee=-1)
    with pytest.raises(AssertionError):
        Position().apply(bad, BTC)
