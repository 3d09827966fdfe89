"""`genesis.venue.exchange`: orders in; trades, balances, reports and a ledger that agrees, out."""

from pathlib import Path

import pytest

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import NANOS_PER_SECOND, SCALE, notional
from genesis.venue.exchange import Exchange, ExchangeRules
from genesis.venue.ledger import HistoryRange, OrderKey
from genesis.venue.orders import ExpiryReason, NewOrder, OrderStatus, SelfTradePrevention
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import ORDER_WINDOW_MS, RateLimit, RateLimits
from genesis.venue.sqlite_ledger import SqliteLedger
from tests.support.venue import (
    NOW,
    Floor,
    StillMarket,
    cancel_of,
    each,
    fixed,
    wish,
    wish_by_amount,
)

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def floor() -> Floor:
    """Return an exchange with a public that offers one bitcoin on each side."""
    floor = Floor()
    floor.market.offer("BTCUSDT", BUY, "60000", "1")
    floor.market.offer("BTCUSDT", SELL, "60010", "1")
    return floor


def key_of(order_id: int = 0, client_order_id: str = "", account_id: int = 1) -> OrderKey:
    """Return the key of an order of BTCUSDT."""
    return OrderKey(
        account_id=account_id,
        symbol="BTCUSDT",
        order_id=order_id,
        client_order_id=client_order_id,
    )


def outline(reports: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Return execution type and status of each report, or the assets of a position."""
    return [
        (report["x"], report["X"])
        if report["e"] == "executionReport"
        else tuple(each(report["B"], "a"))
        for report in reports
    ]


# Orders that wait.


def test_a_resting_buy_holds_back_what_it_may_cost(floor: Floor) -> None:
    """Price times quantity moves from free to locked, and comes back when the order is canceled."""
    order_id = floor.place(wish(BUY, "0.5", "59000"))
    assert floor.balance("USDT") == (fixed("70500"), fixed("29500"))
    assert outline(floor.reports()) == [("NEW", "NEW"), ("USDT",)]

    floor.exchange.cancel(1, cancel_of(order_id), NOW)
    assert floor.balance("USDT") == (fixed("100000"), 0)
    assert outline(floor.reports()) == [("CANCELED", "CANCELED"), ("USDT",)]


def test_a_resting_sell_holds_back_its_quantity(floor: Floor) -> None:
    """A sale locks the base asset."""
    floor.place(wish(SELL, "0.5", "61000"))

    assert floor.balance("BTC") == (fixed("1.5"), fixed("0.5"))


def test_a_cancel_report_names_both_ids(floor: Floor) -> None:
    """On a cancel, `c` is the cancel's id and `C` the order's."""
    floor.place(wish(BUY, "0.5", "59000", client_order_id="mine"))
    floor.reports()
    floor.exchange.cancel(1, cancel_of(client_order_id="mine"), NOW)

    report = floor.reports()[0]
    assert (report["c"], report["C"], report["w"], report["t"]) == ("cancel-1", "mine", False, -1)


def test_a_resting_order_fills_as_maker_when_the_public_comes(floor: Floor) -> None:
    """The public trades at its price, and the maker's fee is charged on what it receives."""
    floor.place(wish(BUY, "0.5", "60005"))
    floor.reports()
    floor.market.offer("BTCUSDT", SELL, "60001", "0.2")
    floor.exchange.advance(NOW, 10)

    reports = floor.reports()
    assert outline(reports) == [("TRADE", "PARTIALLY_FILLED"), ("USDT", "BTC")]
    assert reports[0]["L"] == "60005.00000000"
    assert reports[0]["m"] is True
    assert reports[0]["n"] == "0.00020000"
    assert floor.balance("BTC") == (fixed("2.1998"), 0)
    assert floor.balance("USDT")[1] == fixed("18001.5")


# Orders that trade at once.


def test_a_market_buy_reports_new_then_trades_then_position(floor: Floor) -> None:
    """The reports come in the documented order, with one event time for the whole action."""
    floor.market.offer("BTCUSDT", SELL, "60020", "1")
    floor.place(wish(BUY, "1.5"))

    reports = floor.reports()
    assert outline(reports) == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("TRADE", "FILLED"),
        ("USDT", "BTC"),
    ]
    assert len({report["E"] for report in reports}) == 1
    assert [report["z"] for report in reports[:3]] == ["0.00000000", "1.00000000", "1.50000000"]
    first, second, third = (report["I"] for report in reports[:3])
    assert isinstance(first, int)
    assert (second, third) == (first + 1, first + 2), "execution ids rise"


def test_a_taker_pays_the_makers_price_and_keeps_the_difference(floor: Floor) -> None:
    """A buy limit above the market pays the offer; what it held back beyond that is free again."""
    floor.place(wish(BUY, "0.5", "60100"))

    assert floor.balance("USDT") == (fixed("69995"), 0)
    assert floor.balance("BTC") == (fixed("2.4995"), 0)


def test_a_sale_is_charged_in_the_quote_asset(floor: Floor) -> None:
    """Commission is taken from what is received."""
    placement = floor.exchange.place(1, wish(SELL, "0.5", client_order_id="s"), NOW)

    assert [(fill.commission, fill.commission_asset) for fill in placement.fills] == [
        (fixed("30"), "USDT")
    ]
    assert floor.balance("USDT") == (fixed("129970"), 0)
    assert floor.balance("BTC") == (fixed("1.5"), 0)


def test_the_rest_of_a_market_order_expires(floor: Floor) -> None:
    """A market order never waits: what finds no liquidity expires and unlocks what it held."""
    order_id = floor.place(wish(BUY, "1.2"))
    order = floor.exchange.query(key_of(order_id))

    assert (order.status, order.expiry_reason) == (
        OrderStatus.EXPIRED,
        ExpiryReason.INSUFFICIENT_LIQUIDITY,
    )
    assert order.executed_quantity == SCALE
    assert floor.balance("USDT") == (fixed("39990"), 0)
    assert floor.reports()[-2]["eR"] == "INSUFFICIENT_LIQUIDITY"


def test_immediate_or_cancel_leaves_nothing_behind(floor: Floor) -> None:
    """IOC takes what is there within its limit, and the rest expires."""
    order_id = floor.place(wish(BUY, "1.2", "60010", time_in_force=TimeInForce.IOC))
    order = floor.exchange.query(key_of(order_id))

    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, SCALE)
    assert order.expiry_reason is ExpiryReason.UNFILLED_IOC


@pytest.mark.parametrize(
    ("quantity", "status"), [("1", OrderStatus.FILLED), ("1.2", OrderStatus.EXPIRED)]
)
def test_fill_or_kill_fills_whole_or_not_at_all(
    floor: Floor, quantity: str, status: OrderStatus
) -> None:
    """FOK trades only when the book holds all of it within the limit."""
    floor.market.offer("BTCUSDT", SELL, "60011", "5")
    order_id = floor.place(wish(BUY, quantity, "60010", time_in_force=TimeInForce.FOK))
    order = floor.exchange.query(key_of(order_id))

    assert order.status is status
    assert order.executed_quantity == (fixed(quantity) if status is OrderStatus.FILLED else 0)


def test_fill_or_kill_on_an_empty_book_expires() -> None:
    """With nothing offered, the whole of it cannot be had."""
    floor = Floor()
    order_id = floor.place(wish(BUY, "1", "60010", time_in_force=TimeInForce.FOK))

    assert floor.exchange.query(key_of(order_id)).expiry_reason is ExpiryReason.UNFILLED_FOK


def test_a_market_order_by_amount_derives_its_quantity(floor: Floor) -> None:
    """It spends no more than the amount, in whole steps; the order shows both."""
    order_id = floor.place(wish_by_amount(BUY, "1000"))
    order = floor.exchange.query(key_of(order_id))

    assert order.quantity == fixed("0.01666")
    assert order.quote_quantity == fixed("1000")
    assert order.executed_quote == notional(fixed("60010"), fixed("0.01666"))


def test_accounts_trade_with_each_other(floor: Floor) -> None:
    """Both sides of one trade are settled and recorded, under one trade id."""
    maker_id = floor.place(wish(SELL, "0.3", "60005"), account_id=2)
    taker_id = floor.place(wish(BUY, "0.3", "60005"), account_id=1)

    sides = [
        floor.exchange.trades(HistoryRange(account_id=account_id, symbol="BTCUSDT", limit=10))[0]
        for account_id in (1, 2)
    ]
    assert [trade.order_id for trade in sides] == [taker_id, maker_id]
    assert [trade.is_maker for trade in sides] == [False, True]
    assert sides[0].trade_id == sides[1].trade_id


def test_an_account_does_not_trade_with_itself(floor: Floor) -> None:
    """By default the resting order expires in the match, and the taker goes on."""
    resting_id = floor.place(wish(SELL, "0.3", "60005"))
    floor.reports()
    floor.place(wish(BUY, "0.3", "60010"))

    assert floor.exchange.query(key_of(resting_id)).status is OrderStatus.EXPIRED_IN_MATCH
    assert outline(floor.reports())[:3] == [
        ("NEW", "NEW"),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
        ("TRADE", "FILLED"),
    ]


def test_a_taker_that_prevents_itself_expires(floor: Floor) -> None:
    """With EXPIRE_BOTH neither order is left, and all funds are free again."""
    floor.place(wish(SELL, "0.3", "60005"))
    floor.place(wish(BUY, "0.3", "60010", stp_mode=SelfTradePrevention.EXPIRE_BOTH))

    assert floor.exchange.open_orders(1, None) == []
    assert floor.balance("BTC") == (fixed("2"), 0)
    assert floor.balance("USDT") == (fixed("100000"), 0)


# Refusals.


@pytest.mark.parametrize(
    ("order", "code", "text"),
    [
        (
            wish(BUY, "1.7", "60000"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (wish(SELL, "2.1"), -2010, "Account has insufficient balance for requested action."),
        (
            wish(BUY, "1", "60010", order_type=OrderType.LIMIT_MAKER),
            -2010,
            "Order would immediately match and take.",
        ),
        (
            wish(SELL, "1", "60000", order_type=OrderType.LIMIT_MAKER),
            -2010,
            "Order would immediately match and take.",
        ),
        (wish(BUY, "1", "60000.001"), -1013, "Filter failure: PRICE_FILTER"),
        (wish(BUY, "0.000001", "60000"), -1013, "Filter failure: LOT_SIZE"),
        (wish(BUY, "150"), -1013, "Filter failure: MARKET_LOT_SIZE"),
        (wish(BUY, "0.00001", "60000"), -1013, "Filter failure: NOTIONAL"),
        (wish(BUY, "1", "60000", symbol="NOPE"), -1121, "Invalid symbol."),
        (
            wish_by_amount(BUY, "9000000", symbol="ETHUSDT"),
            -2010,
            "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
        ),
    ],
)
def test_refusals_change_nothing(floor: Floor, order: NewOrder, code: int, text: str) -> None:
    """The venue's no has its code and wording, and leaves no order, no lock and no event."""
    with pytest.raises(Refused) as caught:
        floor.place(order)

    assert (caught.value.code, caught.value.text) == (code, text)
    assert floor.balance("USDT") == (fixed("100000"), 0)
    assert floor.exchange.open_orders(1, None) == []
    assert floor.reports() == []


def test_a_quantity_derived_beyond_the_market_lot_is_refused() -> None:
    """MARKET_LOT_SIZE holds for orders by amount too."""
    floor = Floor()
    floor.market.offer("BTCUSDT", SELL, "0.01", "9000")

    with pytest.raises(Refused, match="Filter failure: MARKET_LOT_SIZE"):
        floor.place(wish_by_amount(BUY, "5"))


def test_a_client_id_is_unique_among_open_orders_only(floor: Floor) -> None:
    """It is refused while the first order is open, and free again once that has ended."""
    first = floor.place(wish(BUY, "0.1", "59000", client_order_id="same"))
    with pytest.raises(Refused, match=r"Duplicate order sent\."):
        floor.place(wish(BUY, "0.1", "59000", client_order_id="same"))
    floor.place(wish(BUY, "0.1", "59000", client_order_id="same"), account_id=2)

    floor.exchange.cancel(1, cancel_of(first), NOW)
    second = floor.place(wish(BUY, "0.1", client_order_id="same"))
    assert floor.exchange.query(key_of(client_order_id="same")).order_id == second


def test_orders_are_limited_by_window() -> None:
    """Unfilled orders are counted; a window that is full refuses, the next one accepts."""
    rules = ExchangeRules(limits=RateLimits(orders=RateLimit(2, ORDER_WINDOW_MS)))
    floor = Floor(rules=rules)
    for _ in range(2):
        floor.place(wish(BUY, "0.1", "59000"))
    with pytest.raises(Refused) as caught:
        floor.place(wish(BUY, "0.1", "59000"))
    assert caught.value.text == "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert caught.value.status == 429

    floor.place(wish(BUY, "0.1", "59000"), now=NOW + 10 * NANOS_PER_SECOND)


def test_too_many_open_orders_on_a_symbol(floor: Floor) -> None:
    """MAX_NUM_ORDERS counts an account's open orders on the symbol."""
    rules = ExchangeRules(limits=RateLimits(orders=RateLimit(1_000, ORDER_WINDOW_MS)))
    floor = Floor(rules=rules)
    for _ in range(200):
        floor.place(wish(BUY, "0.001", "20000"))
    with pytest.raises(Refused, match="Filter failure: MAX_NUM_ORDERS"):
        floor.place(wish(BUY, "0.001", "20000"))


# Cancels and queries.


def test_only_open_orders_can_be_canceled(floor: Floor) -> None:
    """Filled, canceled and unknown orders are all the same to a cancel."""
    filled = floor.place(wish(BUY, "0.1"))
    for request in (cancel_of(filled), cancel_of(99), cancel_of(client_order_id="none")):
        with pytest.raises(Refused, match=r"Unknown order sent\.") as caught:
            floor.exchange.cancel(1, request, NOW)
        assert caught.value.code == -2011
    with pytest.raises(Refused, match=r"Unknown order sent\."):
        floor.exchange.cancel_all(1, "BTCUSDT", NOW)


def test_a_cancel_of_another_accounts_order_is_refused(floor: Floor) -> None:
    """Accounts do not see each other."""
    order_id = floor.place(wish(BUY, "0.1", "59000"), account_id=2)
    with pytest.raises(Refused, match=r"Unknown order sent\."):
        floor.exchange.cancel(1, cancel_of(order_id), NOW)


def test_ids_that_disagree_are_refused(floor: Floor) -> None:
    """Both ids must name the same order, for a cancel as for a query."""
    order_id = floor.place(wish(BUY, "0.1", "59000", client_order_id="a"))
    with pytest.raises(Refused, match="Check origClOrdId and orderId"):
        floor.exchange.cancel(1, cancel_of(order_id, "b"), NOW)
    with pytest.raises(Refused) as caught:
        floor.exchange.query(key_of(order_id, "b"))
    assert caught.value.code == -2039


def test_a_cancel_restriction_must_hold(floor: Floor) -> None:
    """ONLY_PARTIALLY_FILLED spares an order that is new."""
    order_id = floor.place(wish(BUY, "0.1", "59000"))
    request = cancel_of(order_id, only_status="PARTIALLY_FILLED")
    with pytest.raises(Refused, match=r"Order was not canceled due to cancel restrictions\."):
        floor.exchange.cancel(1, request, NOW)
    floor.exchange.cancel(1, cancel_of(order_id, only_status="NEW"), NOW)


def test_cancel_all_ends_every_order_of_the_symbol(floor: Floor) -> None:
    """Other symbols and accounts keep theirs."""
    floor.place(wish(BUY, "0.1", "59000"))
    floor.place(wish(SELL, "0.1", "61000"))
    floor.place(wish(SELL, "0.1", "3000", symbol="ETHUSDT"))
    floor.place(wish(BUY, "0.1", "59000"), account_id=2)

    assert len(floor.exchange.cancel_all(1, "BTCUSDT", NOW)) == 2
    assert [order.symbol for order in floor.exchange.open_orders(1, None)] == ["ETHUSDT"]
    assert len(floor.exchange.open_orders(2, "BTCUSDT")) == 1


def test_an_unknown_order_is_told_to_be_unknown(floor: Floor) -> None:
    """A query for what was never placed is -2013."""
    with pytest.raises(Refused, match=r"Order does not exist\.") as caught:
        floor.exchange.query(key_of(client_order_id="none"))
    assert caught.value.code == -2013


# Restart.


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Balances, open orders, histories and rising ids are the ledger's, not the process's."""
    path = tmp_path / "venue.db"
    ledger = SqliteLedger(path)
    floor = Floor(ledger=ledger)
    floor.market.offer("BTCUSDT", SELL, "60010", "1")
    filled = floor.place(wish(BUY, "0.5"))
    resting = floor.place(wish(BUY, "0.4", "59000", client_order_id="rest"))
    before = floor.balance("USDT"), floor.balance("BTC")
    floor.market.average = {"BTCUSDT": 5}
    floor.exchange.save_marks()
    ledger.close()

    ledger = SqliteLedger(path)
    market = StillMarket()
    exchange = Exchange(market, ledger, ExchangeRules(), NOW)
    exchange.open_account(1, (("USDT", fixed("100000")),), NOW)
    balances = exchange.account(1).balances
    assert ((balances["USDT"].free, balances["USDT"].locked)) == before[0]
    assert ((balances["BTC"].free, balances["BTC"].locked)) == before[1]
    assert [order.order_id for order in exchange.open_orders(1, None)] == [resting]
    assert exchange.query(key_of(filled)).status is OrderStatus.FILLED
    assert ledger.marks() == {"BTCUSDT": 5}

    # The restored order trades, and a new one gets a new id.
    market.offer("BTCUSDT", SELL, "58000", "9")
    exchange.advance(NOW, 1)
    assert exchange.query(key_of(resting)).status is OrderStatus.FILLED
    order = exchange.place(1, wish(SELL, "0.1", "61000", client_order_id="new"), NOW).order
    assert order.order_id == resting + 1
    ledger.close()


def test_orders_of_a_symbol_that_is_gone_expire_at_the_restart() -> None:
    """The exchange cancels what it no longer lists, and frees the funds."""
    ledger = SqliteLedger(":memory:")
    floor = Floor(ledger=ledger)
    floor.place(wish(SELL, "1", "3000", symbol="ETHUSDT", client_order_id="gone"))

    exchange = Exchange(StillMarket(["BTCUSDT"]), ledger, ExchangeRules(), NOW)

    found = ledger.find_order(OrderKey(account_id=1, symbol="ETHUSDT", client_order_id="gone"))
    assert found is not None
    assert found.expiry_reason is ExpiryReason.EXCHANGE_CANCELED
    assert exchange.account(1).balances["ETH"].locked == 0
