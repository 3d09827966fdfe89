"""`genesis.venue.waiting_orders`: which trades trigger which orders, and what they do then."""

from random import Random

import msgspec
import pytest

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import NANOS_PER_MS, notional
from genesis.venue.exchange import Exchange, ExchangeRules
from genesis.venue.market import Market
from genesis.venue.market_model import MarketModel
from genesis.venue.model_profiles import model_profiles
from genesis.venue.orders import ExpiryReason, NewOrder, OrderStatus, VenueOrder
from genesis.venue.refusals import Refused
from genesis.venue.replay_market import ReplayMarket, ReplayOptions
from genesis.venue.sqlite_ledger import SqliteLedger
from genesis.venue.tape import assign_snapshots, make_tape, read_line
from tests.support import tapes
from tests.support.venue import NOW, Floor, at, cancel_of, fixed, wish

BUY, SELL = Side.BUY, Side.SELL
STOP_LOSS, STOP_LOSS_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
TAKE_PROFIT, TAKE_PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT


@pytest.fixture
def floor() -> Floor:
    """Return an exchange that last traded at 60 005, with one bitcoin on each side."""
    floor = Floor()
    floor.market.offer("BTCUSDT", BUY, "60000", "1")
    floor.market.offer("BTCUSDT", SELL, "60010", "1")
    floor.market.print_trade("BTCUSDT", "60005")
    floor.exchange.advance(NOW, 1)
    return floor


def conditional(order_type: OrderType, side: Side, stop: str, **changes: object) -> NewOrder:
    """Return a conditional order of half a bitcoin; one with a limit has it at the stop."""
    limit = None if order_type.trades_at_market else stop
    order = wish(side, "0.5", limit, order_type=order_type, stop_price=fixed(stop))
    return msgspec.structs.replace(order, **changes)


def kinds(floor: Floor) -> list[tuple[object, ...]]:
    """Return what was reported since the last call, positions left out."""
    return [
        tuple(report[key] for key in ("x", "X", "w"))
        for report in floor.reports()
        if report["e"] == "executionReport"
    ]


@pytest.mark.parametrize(
    ("order", "before", "trigger"),
    [
        (conditional(STOP_LOSS, SELL, "59000"), "59000.01", "59000"),
        (conditional(STOP_LOSS_LIMIT, SELL, "59000"), "61000", "58000"),
        (conditional(TAKE_PROFIT, SELL, "61000"), "60999.99", "61000"),
        (conditional(TAKE_PROFIT_LIMIT, SELL, "61000"), "59000", "62000"),
        (conditional(STOP_LOSS, BUY, "61000"), "59000", "61000"),
        (conditional(STOP_LOSS_LIMIT, BUY, "61000"), "60999", "61000.01"),
        (conditional(TAKE_PROFIT, BUY, "59000"), "59001", "59000"),
        (conditional(TAKE_PROFIT_LIMIT, BUY, "59000"), "61000", "1000"),
    ],
    ids=lambda value: value.order_type.name if isinstance(value, NewOrder) else value,
)
def test_a_trade_at_the_stop_price_triggers(
    floor: Floor, order: NewOrder, before: str, trigger: str
) -> None:
    """Not one short of it; stops and profits of buyers and sellers wait on opposite sides."""
    floor.place(order)
    assert kinds(floor) == [("NEW", "NEW", False)]
    placed = floor.exchange.open_orders(1, "BTCUSDT")[0]
    floor.market.print_trade("BTCUSDT", before)
    floor.exchange.advance(NOW, 1)
    assert placed.is_waiting

    floor.market.print_trade("BTCUSDT", trigger)
    assert floor.exchange.next_at == 0
    floor.exchange.advance(NOW, 1)

    assert not placed.is_waiting
    assert placed.working_at == NOW
    assert kinds(floor)[0] == ("NEW", "NEW", True)


def test_a_triggered_stop_sells_what_the_book_takes(floor: Floor) -> None:
    """It is a market order then: it trades at the bids, and what was held back is spent."""
    floor.place(conditional(STOP_LOSS, SELL, "59000"))
    assert floor.balance("BTC") == (fixed("1.5"), fixed("0.5"))
    floor.market.print_trade("BTCUSDT", "59000")
    floor.exchange.advance(NOW, 1)

    assert kinds(floor) == [
        ("NEW", "NEW", False),
        ("NEW", "NEW", True),
        ("TRADE", "FILLED", False),
    ]
    assert floor.balance("BTC") == (fixed("1.5"), 0)


def test_a_triggered_limit_rests_if_nobody_takes_it(floor: Floor) -> None:
    """A stop limit that the market has left behind protects nothing, and says that it works."""
    floor.place(conditional(STOP_LOSS_LIMIT, SELL, "59000", price=fixed("60500")))
    floor.market.print_trade("BTCUSDT", "58000")
    floor.exchange.advance(NOW, 1)

    order = floor.exchange.open_orders(1, "BTCUSDT")[0]
    assert (order.is_open, order.is_waiting, order.executed_quantity) == (True, False, 0)
    floor.market.offer("BTCUSDT", BUY, "60005", "1")
    assert floor.exchange.market.book("BTCUSDT").best_price(SELL) == fixed("60010")
    floor.exchange.cancel(1, cancel_of(order.order_id), NOW)
    assert floor.balance("BTC") == (fixed("2"), 0)


@pytest.mark.parametrize(
    ("time_in_force", "reason"),
    [
        (TimeInForce.IOC, ExpiryReason.UNFILLED_IOC),
        (TimeInForce.FOK, ExpiryReason.UNFILLED_FOK),
    ],
)
def test_a_triggered_limit_that_may_not_wait_expires(
    floor: Floor, time_in_force: TimeInForce, reason: ExpiryReason
) -> None:
    """Its time in force counts from the trigger on."""
    wanted = conditional(
        STOP_LOSS_LIMIT, SELL, "59000", price=fixed("60500"), time_in_force=time_in_force
    )
    floor.place(wanted)
    order = floor.exchange.open_orders(1, "BTCUSDT")[0]
    floor.market.print_trade("BTCUSDT", "59000")
    floor.exchange.advance(NOW, 1)

    assert order.expiry_reason is reason


@pytest.mark.parametrize(
    ("order_type", "side", "stop"),
    [
        (STOP_LOSS, SELL, "60005"),
        (STOP_LOSS_LIMIT, SELL, "60006"),
        (TAKE_PROFIT, SELL, "60005"),
        (STOP_LOSS, BUY, "60005"),
        (TAKE_PROFIT_LIMIT, BUY, "60006"),
    ],
)
def test_what_the_last_trade_has_reached_is_refused(
    floor: Floor, order_type: OrderType, side: Side, stop: str
) -> None:
    """Nothing is held back and nothing reported."""
    with pytest.raises(Refused, match=r"^Order would trigger immediately\.$"):
        floor.place(conditional(order_type, side, stop))
    assert floor.reports() == []


def test_a_trade_before_the_order_does_not_trigger_it(floor: Floor) -> None:
    """Trades nobody has looked at yet are looked at before a new order is let in."""
    floor.market.print_trade("BTCUSDT", "59000")
    floor.market.print_trade("BTCUSDT", "60005")
    floor.place(conditional(STOP_LOSS, SELL, "59500"))
    floor.exchange.advance(NOW, 1)
    assert floor.exchange.open_orders(1, "BTCUSDT")[0].is_waiting


def test_a_stop_that_buys_more_than_it_holds_back_takes_it_from_the_free(floor: Floor) -> None:
    """The market may have run past the stop: what is missing is held back, or it is rejected."""
    floor.place(conditional(STOP_LOSS, BUY, "60500"))
    assert floor.balance("USDT") == (fixed("69750"), fixed("30250"))
    floor.market.offer("BTCUSDT", SELL, "60010", "0")
    floor.market.offer("BTCUSDT", SELL, "61000", "1")
    floor.market.print_trade("BTCUSDT", "61000")
    floor.exchange.advance(NOW, 1)
    assert floor.balance("USDT") == (fixed("69500"), 0)

    floor.place(conditional(STOP_LOSS, BUY, "62000", quantity=fixed("1")))
    floor.market.offer("BTCUSDT", SELL, "61000", "0")
    floor.market.offer("BTCUSDT", SELL, "99000", "1")
    floor.market.print_trade("BTCUSDT", "62000")
    floor.reports()
    floor.exchange.advance(NOW, 1)
    assert floor.balance("USDT") == (fixed("69500"), 0)
    report = next(each for each in floor.reports() if at(each, "X") == "EXPIRED")
    assert at(report, "eR") == "REJECTED"


def test_a_waiting_order_is_in_no_book(floor: Floor) -> None:
    """Nobody sees it, nobody takes it; a cancel gives back what it held."""
    order_id = floor.place(conditional(TAKE_PROFIT_LIMIT, SELL, "61000"))
    assert floor.market.book("BTCUSDT").visible_quantity(SELL, fixed("61000")) == 0
    floor.exchange.cancel(1, cancel_of(order_id), NOW)
    assert floor.balance("BTC") == (fixed("2"), 0)
    floor.market.print_trade("BTCUSDT", "62000")
    floor.reports()
    floor.exchange.advance(NOW, 1)
    assert floor.reports() == []


def test_a_symbol_has_room_for_five_conditional_orders(floor: Floor) -> None:
    """MAX_NUM_ALGO_ORDERS, whatever their type; others are not counted."""
    for _ in range(5):
        floor.place(conditional(STOP_LOSS, SELL, "59000", quantity=fixed("0.1")))
    floor.place(wish(SELL, "0.1", "61000"))
    with pytest.raises(Refused, match="MAX_NUM_ALGO_ORDERS"):
        floor.place(conditional(TAKE_PROFIT, SELL, "61000", quantity=fixed("0.1")))


# Markets that move by themselves.


def stop_below(market: Market, fall: int) -> tuple[Exchange, VenueOrder]:
    """Place a stop so far below the last trade, as soon as there is one."""
    exchange = Exchange(market, SqliteLedger(":memory:"), ExchangeRules(), NOW)
    exchange.open_account(1, [("BTC", fixed("2"))], NOW)
    while not market.klines.last_price("BTCUSDT"):
        assert market.next_at is not None
        exchange.advance(market.next_at, 1)
    last = market.klines.last_price("BTCUSDT")
    tick = exchange.listing("BTCUSDT").tick_size
    order = conditional(STOP_LOSS, SELL, "1", client_order_id="stop", stop_price=last - fall * tick)
    return exchange, exchange.place(1, order, NOW).order


def test_the_models_public_triggers_what_waits() -> None:
    """Its trades are real to a stop: it sells when one of them is at its price, and not before."""
    market = MarketModel(
        model_profiles(1, {}, {}), rate=200, random=Random(3), start=NOW, audience=()
    )
    exchange, stop = stop_below(market, fall=20)
    while stop.is_waiting:
        assert market.next_at is not None
        exchange.advance(market.next_at, 1)

    assert market.klines.recent_trades("BTCUSDT")[-1].price <= stop.stop_price
    assert stop.status is OrderStatus.FILLED


def test_a_tapes_trades_trigger_what_waits() -> None:
    """A stop sells to the tape's bids at the first trade that reaches it; nothing else moves it."""
    lines = [
        tapes.ticker(0, 1, "100.00", "101.00"),
        tapes.trade(1, 1, "101.00", "0.1", is_sale=False),
        tapes.trade(2, 2, "100.50", "0.1", is_sale=True),
        tapes.trade(3, 3, "100.00", "0.1", is_sale=True),
    ]
    tape = make_tape(assign_snapshots([read_line(line) for line in lines]))
    market = ReplayMarket(
        tape, ReplayOptions(loop=False), start=NOW, audience=[], last_trade_ids={}
    )
    exchange, stop = stop_below(market, fall=100)
    exchange.advance(NOW + 2 * NANOS_PER_MS, 10)
    assert stop.is_waiting
    exchange.advance(NOW + 3 * NANOS_PER_MS, 10)

    assert stop.status is OrderStatus.FILLED
    assert stop.executed_quote == notional(fixed("100"), fixed("0.5"))
