"""`genesis.venue.matching`: price, then time; against an order-by-order oracle."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import SCALE
from genesis.venue.matching import (
    Execution,
    InstrumentBook,
    MatchEvent,
    Prevention,
    Taker,
    affordable_quantity,
)
from genesis.venue.orders import SelfTradePrevention, VenueOrder


def order(
    order_id: int,
    side: Side,
    price: int,
    quantity: int,
    *,
    account_id: int = 1,
    stp_mode: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
) -> VenueOrder:
    """Return an order with a number for a name."""
    return VenueOrder(
        order_id=order_id,
        account_id=account_id,
        symbol="BTCUSDT",
        client_order_id=str(order_id),
        side=side,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=price,
        quantity=quantity,
        quote_quantity=0,
        stp_mode=stp_mode,
        created_at=0,
        updated_at=0,
        open_quantity=quantity,
    )


def taker(taking: VenueOrder, limit: int | None = None) -> Taker:
    """Return the demand of an order."""
    return Taker(taking.side, limit, taking.open_quantity, taking)


def trades(events: list[MatchEvent]) -> list[tuple[int, int, int | None]]:
    """Return price, quantity and maker of each trade, the public being None."""
    return [
        (event.price, event.quantity, None if event.maker is None else event.maker.order_id)
        for event in events
        if isinstance(event, Execution)
    ]


def test_at_one_price_the_first_come_first() -> None:
    """Public quantity that stood before an order trades before it, what came later after it."""
    book = InstrumentBook()
    book.set_public(Side.SELL, 100, 5)
    book.rest(order(1, Side.SELL, 100, 3))
    book.set_public(Side.SELL, 100, 9)
    book.rest(order(2, Side.SELL, 100, 2))

    events = book.match(taker(order(3, Side.BUY, 100, 20, account_id=2)))

    assert trades(events) == [(100, 5, None), (100, 3, 1), (100, 4, None), (100, 2, 2)]


def test_better_prices_trade_first_whoever_offers_them() -> None:
    """Price comes before time, and a taker pays the maker's price."""
    book = InstrumentBook()
    book.set_public(Side.BUY, 99, 5)
    book.rest(order(1, Side.BUY, 98, 1))
    book.rest(order(2, Side.BUY, 100, 1))

    events = book.match(taker(order(3, Side.SELL, 98, 7, account_id=2), limit=98))

    assert trades(events) == [(100, 1, 2), (99, 5, None), (98, 1, 1)]


def test_a_limit_stops_the_taker() -> None:
    """Nothing trades at a price worse than the limit."""
    book = InstrumentBook()
    book.set_public(Side.SELL, 100, 1)
    book.set_public(Side.SELL, 101, 1)
    demand = Taker(Side.BUY, 100, 5)

    assert trades(book.match(demand)) == [(100, 1, None)]
    assert demand.open_quantity == 4


def test_what_vanishes_is_taken_from_the_end_of_the_queue() -> None:
    """A public level that shrinks leaves our place in the queue as it was, as far as that goes."""
    book = InstrumentBook()
    book.set_public(Side.BUY, 100, 6)
    resting = order(1, Side.BUY, 100, 1)
    book.rest(resting)
    book.set_public(Side.BUY, 100, 10)

    book.set_public(Side.BUY, 100, 8)
    assert resting.ahead == 6
    book.set_public(Side.BUY, 100, 2)
    assert resting.ahead == 2


@pytest.mark.parametrize(
    ("mode", "expired", "taken"),
    [
        (SelfTradePrevention.NONE, [], [(100, 3, 1), (100, 4, None)]),
        (SelfTradePrevention.EXPIRE_MAKER, [1], [(100, 4, None)]),
        (SelfTradePrevention.EXPIRE_TAKER, [2], []),
        (SelfTradePrevention.EXPIRE_BOTH, [1, 2], []),
    ],
)
def test_self_trade_prevention_follows_the_takers_mode(
    mode: SelfTradePrevention, expired: list[int], taken: list[tuple[int, int, int | None]]
) -> None:
    """An account trades with itself only if its taker says NONE; else somebody expires."""
    book = InstrumentBook()
    book.rest(order(1, Side.SELL, 100, 3))
    book.set_public(Side.SELL, 100, 4)

    events = book.match(taker(order(2, Side.BUY, 100, 7, stp_mode=mode)))

    prevented = [event for event in events if isinstance(event, Prevention)]
    orders = [row for event in prevented for row in (event.maker, event.taker) if row is not None]
    assert [row.order_id for row in orders] == expired
    assert trades(events) == taken


def test_a_resting_order_trades_when_the_public_comes_to_its_price() -> None:
    """It is the maker and trades at its own price, best price first."""
    book = InstrumentBook()
    book.rest(order(1, Side.BUY, 100, 2))
    book.rest(order(2, Side.BUY, 101, 2))
    book.set_public(Side.SELL, 99, 3)

    executions = book.settle_crossed()

    assert trades(list(executions)) == [(101, 2, 2), (100, 1, 1)]
    assert book.public_side(Side.SELL).ladder.best is None
    assert book.settle_crossed() == []


def test_a_public_trade_through_a_price_fills_what_rests_there() -> None:
    """Orders at better prices come first, then those at the price; together the traded quantity."""
    book = InstrumentBook()
    book.rest(order(1, Side.BUY, 102, 2))
    book.rest(order(2, Side.BUY, 101, 2))
    book.rest(order(3, Side.BUY, 99, 2))

    executions = book.print_public(Side.BUY, 100, 3)

    assert trades(list(executions)) == [(102, 2, 1), (101, 1, 2)]


def test_a_public_trade_at_a_price_serves_those_ahead_first() -> None:
    """We fill only with what is traded beyond the public quantity that came before us."""
    book = InstrumentBook()
    book.set_public(Side.BUY, 100, 5)
    book.rest(order(1, Side.BUY, 100, 2))
    book.rest(order(2, Side.BUY, 100, 2))

    assert book.print_public(Side.BUY, 100, 4) == []
    assert trades(list(book.print_public(Side.BUY, 100, 2))) == [(100, 1, 1)]
    assert trades(list(book.print_public(Side.BUY, 100, 9))) == [(100, 1, 1), (100, 2, 2)]


def test_a_trade_is_not_counted_twice_when_the_level_fell_before_it() -> None:
    """A quote that shows the level after the trade may come first; the print adds nothing to it."""
    book = InstrumentBook()
    book.set_public(Side.BUY, 100, 5)
    resting = order(1, Side.BUY, 100, 2)
    book.rest(resting)

    book.set_public(Side.BUY, 100, 3)
    assert book.print_public(Side.BUY, 100, 2) == []
    assert resting.ahead == 3


def test_levels_beyond_the_best_quote_are_dropped() -> None:
    """When the top of the book is told, nothing better is left standing."""
    book = InstrumentBook()
    for price in (98, 99, 100):
        book.set_public(Side.BUY, price, 1)

    book.drop_public_beyond(Side.BUY, 98)

    assert book.best_price(Side.BUY) == 98


def test_every_change_of_a_visible_level_is_noted() -> None:
    """The depth stream is made of these notes: none may be missing."""
    book = InstrumentBook()
    book.set_public(Side.SELL, 100, 2)
    resting = order(1, Side.SELL, 101, 4)
    book.rest(resting)
    assert list(book.changes) == [(Side.SELL, 100), (Side.SELL, 101)]
    assert book.visible_quantity(Side.SELL, 101) == 4

    book.changes.clear()
    book.match(Taker(Side.BUY, None, 3))
    assert list(book.changes) == [(Side.SELL, 100), (Side.SELL, 101)]
    assert book.visible_quantity(Side.SELL, 101) == 3

    book.changes.clear()
    book.remove(resting)
    assert list(book.changes) == [(Side.SELL, 101)]
    assert book.visible_quantity(Side.SELL, 101) == 0


def test_offers_leave_the_own_accounts_orders_out() -> None:
    """What an order could take is told without what self-trade prevention would expire."""
    book = InstrumentBook()
    book.set_public(Side.SELL, 100, 2)
    book.rest(order(1, Side.SELL, 100, 4))
    book.rest(order(2, Side.SELL, 101, 4))
    taking = order(3, Side.BUY, 101, 9)

    assert list(book.offers_to(taking)) == [(100, 2)]
    taking.stp_mode = SelfTradePrevention.NONE
    assert list(book.offers_to(taking)) == [(100, 6), (101, 4)]


@pytest.mark.parametrize(
    ("amount", "quantity"),
    [(50, 0.5), (100, 1), (150, 1.25), (10_000, 3)],
    ids=["part of a level", "a level", "into the next", "more than there is"],
)
def test_an_amount_buys_whole_steps(amount: int, quantity: float) -> None:
    """A market order by quote amount takes what the amount pays for, rounded down to a step."""
    offers = iter([(100 * SCALE, SCALE), (200 * SCALE, 2 * SCALE)])

    assert affordable_quantity(offers, amount * SCALE, SCALE // 4) == int(quantity * SCALE)


# The oracle: every piece of public quantity and every order is an entry of its own.


@dataclass
class OracleEntry:
    """One piece of the queue."""

    price: int
    quantity: int
    order_id: int | None


@dataclass
class Oracle:
    """A book of entries in the order they came, searched whole each time."""

    sides: dict[Side, list[OracleEntry]] = field(
        default_factory=lambda: {side: [] for side in Side}
    )

    def set_public(self, side: Side, price: int, quantity: int) -> None:
        entries = self.sides[side]
        pieces = [row for row in entries if row.price == price and row.order_id is None]
        excess = sum(piece.quantity for piece in pieces) - quantity
        if excess < 0:
            entries.append(OracleEntry(price, -excess, None))
        for piece in reversed(pieces):
            cut = max(0, min(excess, piece.quantity))
            piece.quantity -= cut
            excess -= cut
        self.tidy()

    def take(self, side: Side, limit: int, quantity: int) -> list[tuple[int, int, int | None]]:
        """Trade against `side`; return price, quantity and maker, the public's pieces joined."""
        taken: list[tuple[int, int, int | None]] = []
        sign = -side.value
        for entry in sorted(self.sides[side], key=lambda row: row.price * sign):
            if quantity == 0 or entry.price * sign > limit * sign:
                break
            size = min(quantity, entry.quantity)
            entry.quantity -= size
            quantity -= size
            taken.append((entry.price, size, entry.order_id))
        self.tidy()
        return joined(taken)

    def tidy(self) -> None:
        for side, entries in self.sides.items():
            self.sides[side] = [row for row in entries if row.quantity]


def joined(taken: list[tuple[int, int, int | None]]) -> list[tuple[int, int, int | None]]:
    """Join neighboring public trades of one price: how many pieces there were is not seen."""
    result: list[tuple[int, int, int | None]] = []
    for price, quantity, maker in taken:
        if result and maker is None and result[-1][::2] == (price, None):
            result[-1] = (price, result[-1][1] + quantity, None)
        else:
            result.append((price, quantity, maker))
    return result


_PRICES = st.integers(95, 105)
_SIZES = st.integers(1, 9)
_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("public"), st.sampled_from(Side), _PRICES, st.integers(0, 9)),
        st.tuples(st.just("order"), st.sampled_from(Side), _PRICES, _SIZES),
        st.tuples(st.just("cancel"), st.sampled_from(Side), _PRICES, _SIZES),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(_ACTS)
def test_matching_is_price_then_time(acts: list[tuple[str, Side, int, int]]) -> None:
    """Whatever comes, trades are those of a book that keeps every piece in one queue."""
    book, oracle = InstrumentBook(), Oracle()
    resting: dict[int, VenueOrder] = {}
    for number, (act, side, price, quantity) in enumerate(acts):
        if act == "public":
            best = book.best_price(side.opposite)
            if best is not None and (price - best) * side.value >= 0:
                continue  # the public never crosses anybody without trading
            book.set_public(side, price, quantity)
            oracle.set_public(side, price, quantity)
        elif act == "order":
            # Each order is of another account, so that none is prevented.
            taking = order(number, side, price, quantity, account_id=number)
            demand = taker(taking, limit=price)
            events = book.match(demand)
            taking.open_quantity = demand.open_quantity
            assert joined(trades(events)) == oracle.take(side.opposite, price, quantity)
            if taking.open_quantity:
                book.rest(taking)
                resting[number] = taking
                oracle.sides[side].append(OracleEntry(price, taking.open_quantity, number))
        elif open_orders := [row for row in resting.values() if row.open_quantity]:
            canceled = open_orders[(price + quantity) % len(open_orders)]
            book.remove(canceled)
            canceled.open_quantity = 0
            entries = oracle.sides[canceled.side]
            entries[:] = [row for row in entries if row.order_id != canceled.order_id]
    for side in Side:
        for price in range(95, 106):
            expected = sum(row.quantity for row in oracle.sides[side] if row.price == price)
            assert book.visible_quantity(side, price) == expected
