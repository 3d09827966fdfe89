"""`genesis.venue.settlement`: whatever happens, money is neither made nor lost."""

import contextlib
from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import SCALE, notional
from genesis.venue.exchange import ExchangeRules
from genesis.venue.ledger import HistoryRange
from genesis.venue.order_lists import NewOrderList
from genesis.venue.orders import NewOrder, VenueOrder
from genesis.venue.refusals import Refused
from tests.support.venue import NOW, Floor, cancel_of, fixed, wish

_PRICES = st.integers(0, 20).map(lambda ticks: (60_000 + ticks) * SCALE)
_QUANTITIES = st.integers(1, 40).map(lambda steps: steps * SCALE // 20)
_CONDITIONAL = {
    kind.name: kind
    for kind in (
        OrderType.STOP_LOSS,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
    )
}
_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("public"), st.sampled_from(Side), _PRICES, st.integers(0, 3)),
        st.tuples(
            st.sampled_from(["LIMIT", "MARKET", "AMOUNT", "IOC", "FOK", "MAKER", *_CONDITIONAL]),
            st.sampled_from(Side),
            _PRICES,
            _QUANTITIES,
        ),
        st.tuples(
            st.sampled_from(["cancel", "PAIR"]),
            st.sampled_from(Side),
            _PRICES,
            _QUANTITIES,
        ),
        st.tuples(st.just("print"), st.sampled_from(Side), _PRICES, _QUANTITIES),
    ),
    max_size=30,
)


def _order_of(kind: str, side: Side, price: int, quantity: int) -> NewOrder:
    plain = msgspec.structs.replace(wish(side, "1", "1"), quantity=quantity, price=price)
    changes: dict[str, dict[str, object]] = {
        "LIMIT": {},
        "MAKER": {"order_type": OrderType.LIMIT_MAKER},
        "IOC": {"time_in_force": TimeInForce.IOC},
        "FOK": {"time_in_force": TimeInForce.FOK},
        "MARKET": {"order_type": OrderType.MARKET, "price": 0},
        "AMOUNT": {
            "order_type": OrderType.MARKET,
            "price": 0,
            "quantity": 0,
            "quote_quantity": notional(price, quantity),
        },
    }
    if kind in _CONDITIONAL:
        order_type = _CONDITIONAL[kind]
        limit = 0 if order_type.trades_at_market else price
        return msgspec.structs.replace(plain, order_type=order_type, price=limit, stop_price=price)
    return msgspec.structs.replace(plain, **changes[kind])


def _pair_of(number: int, side: Side, price: int, quantity: int) -> NewOrderList:
    """Return a profit and a stop a few dollars around a price; the stop is a limit in turn."""
    better = -3 * side.value * SCALE
    profit_price, stop_price = price + better, price - better
    stop_kind = "STOP_LOSS_LIMIT" if number % 2 else "STOP_LOSS"
    legs = [
        msgspec.structs.replace(order, client_order_id=f"{number}-{name}")
        for name, order in (
            ("profit", _order_of("MAKER", side, profit_price, quantity)),
            ("stop", _order_of(stop_kind, side, stop_price, quantity)),
        )
    ]
    above, below = legs if side is Side.SELL else legs[::-1]
    return NewOrderList(list_client_id=f"{number}", above=above, below=below)


@settings(max_examples=150)
@given(_ACTS, st.lists(st.sampled_from([1, 2]), min_size=30, max_size=30))
def test_money_is_neither_made_nor_lost(
    acts: list[tuple[str, Side, int, int]], accounts: list[int]
) -> None:
    """Whatever happens: accounts, fees and the public together hold what was paid in.

    And each account's balances are its deposits plus the fold of its trades, its locked part is
    what its open orders hold back, and the ledger says the same as the memory.
    """
    floor = Floor(rules=ExchangeRules(maker_fee=SCALE // 777, taker_fee=SCALE // 333))
    exchange, market = floor.exchange, floor.market
    for number, ((act, side, price, quantity), account_id) in enumerate(
        zip(acts, accounts, strict=False)
    ):
        if act == "print":
            market.print_trade("BTCUSDT", str(price // SCALE))
            exchange.advance(NOW, 10)
        elif act == "PAIR":
            with contextlib.suppress(Refused):
                exchange.place_list(account_id, _pair_of(number, side, price, quantity), NOW)
        elif act == "public":
            opposite = market.book("BTCUSDT").public_side(side.opposite).ladder.best
            if opposite is not None and (price - opposite) * side.value >= 0:
                continue
            market.offer("BTCUSDT", side, str(price // SCALE), str(quantity))
            exchange.advance(NOW, 10)
        elif act == "cancel":
            for order in exchange.open_orders(account_id, "BTCUSDT")[:1]:
                exchange.cancel(account_id, cancel_of(order.order_id), NOW)
        else:
            try:
                floor.place(_order_of(act, side, price, quantity), account_id)
            except Refused:
                continue  # what refusals change is looked at in the end: nothing
    _check_money(floor)


def _spent(order: VenueOrder) -> str:
    return "USDT" if order.side is Side.BUY else "BTC"


def _held_back(order: VenueOrder) -> int:
    rest = order.quantity - order.executed_quantity
    assert order.open_quantity == rest
    return notional(order.price or order.stop_price, rest) if order.side is Side.BUY else rest


def _check_money(floor: Floor) -> None:
    deposits = {"USDT": fixed("100000"), "BTC": fixed("2"), "ETH": fixed("10")}
    held: dict[str, int] = defaultdict(int)
    fees: dict[str, int] = defaultdict(int)
    for account_id in (1, 2):
        expected = dict(deposits)
        wanted = HistoryRange(account_id=account_id, symbol="BTCUSDT", limit=1_000)
        for trade in floor.exchange.trades(wanted):
            expected["BTC"] += trade.side.value * trade.quantity
            expected["USDT"] -= trade.side.value * trade.quote_quantity
            expected[trade.commission_asset] -= trade.commission
            fees[trade.commission_asset] += trade.commission
        balances = floor.exchange.account(account_id).balances
        assert {a: b.free + b.locked for a, b in balances.items()} == expected
        locked: dict[str, int] = defaultdict(int)
        lists = floor.exchange.open_lists(account_id)
        paired = {leg.order_id for order_list in lists for leg in order_list.legs}
        for order in floor.exchange.open_orders(account_id, None):
            if order.order_id not in paired:
                locked[_spent(order)] += _held_back(order)
        for order_list in lists:
            assert all(leg.is_open for leg in order_list.legs)
            held_once = max(map(_held_back, order_list.legs))
            locked[_spent(order_list.legs[0])] += held_once
        assert {a: b.locked for a, b in balances.items() if b.locked} == dict(locked)
        for asset, balance in balances.items():
            held[asset] += balance.free + balance.locked
    recorded = {(r.account_id, r.asset): (r.free, r.locked) for r in floor.ledger.balances()}
    assert recorded == {
        (account_id, asset): (balance.free, balance.locked)
        for account_id in (1, 2)
        for asset, balance in floor.exchange.account(account_id).balances.items()
    }
    public: dict[str, int] = defaultdict(int)
    for _, execution in floor.market.executions:
        if execution.maker is not None and execution.taker is not None:
            continue
        is_maker = execution.maker is None
        sign = execution.maker_side.value if is_maker else -execution.maker_side.value
        public["BTC"] += sign * execution.quantity
        public["USDT"] -= sign * notional(execution.price, execution.quantity)
    for asset, paid_in in deposits.items():
        assert held[asset] + fees[asset] + public[asset] == 2 * paid_in
