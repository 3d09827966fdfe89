"""`genesis.venue.order_lists`: two orders that hold their lots once, and of which one trades."""

from pathlib import Path

import msgspec
import pytest

from genesis.domain.orders import OrderType, Side
from genesis.venue.exchange import Exchange
from genesis.venue.ledger import HistoryRange, OrderKey
from genesis.venue.order_lists import ListKey, ListStatus, NewOrderList, VenueOrderList
from genesis.venue.orders import ExpiryReason, NewOrder, OrderStatus
from genesis.venue.refusals import Refused
from genesis.venue.sqlite_ledger import SqliteLedger
from tests.support.venue import NOW, Floor, StillMarket, at, cancel_of, each, fixed, wish

BUY, SELL = Side.BUY, Side.SELL
WAITING = (fixed("1.5"), fixed("0.5"))


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    """Return an exchange that last traded at 60 005, with one bitcoin on each side."""
    floor = Floor(ledger=SqliteLedger(tmp_path / "venue.db"))
    open_market(floor.market)
    floor.exchange.advance(NOW, 1)
    return floor


def open_market(market: StillMarket) -> None:
    """Let the public offer one bitcoin on each side, and trade once."""
    market.offer("BTCUSDT", BUY, "60000", "1")
    market.offer("BTCUSDT", SELL, "60010", "1")
    market.print_trade("BTCUSDT", "60005")


def leg(order_type: OrderType, side: Side, name: str, price: str, stop: str) -> NewOrder:
    """Return a leg of half a bitcoin; "" is no price."""
    return wish(
        side,
        "0.5",
        price or None,
        order_type=order_type,
        stop_price=fixed(stop) if stop else 0,
        client_order_id=name,
    )


def pair(target: str = "61000", stop: str = "59000", name: str = "pair") -> NewOrderList:
    """Return a sale at a target above the market, or at the market below a stop."""
    return NewOrderList(
        list_client_id=name,
        above=leg(OrderType.LIMIT_MAKER, SELL, f"{name}-target", target, ""),
        below=leg(OrderType.STOP_LOSS, SELL, f"{name}-stop", "", stop),
    )


def place(floor: Floor, wanted: NewOrderList | None = None) -> VenueOrderList:
    """Place a pair for account 1."""
    return floor.exchange.place_list(1, wanted or pair(), NOW)


def outline(floor: Floor) -> list[object]:
    """Return what was reported since the last call, in a word each."""
    return [
        f"{report['c']} {report['x']} {report['X']}"
        if report["e"] == "executionReport"
        else f"list {report['L']}"
        if report["e"] == "listStatus"
        else "position"
        for report in floor.reports()
    ]


def test_a_pair_holds_its_lots_once_and_counts_two_orders(floor: Floor) -> None:
    """Both legs are NEW, then the list is started, then the balance is told."""
    order_list = place(floor)

    assert floor.balance("BTC") == WAITING
    assert outline(floor) == [
        "pair-target NEW NEW",
        "pair-stop NEW NEW",
        "list EXECUTING",
        "position",
    ]
    target, stop = order_list.legs
    assert (target.is_waiting, stop.is_waiting) == (False, True)
    assert target.order_list_id == stop.order_list_id == order_list.list_id
    assert floor.exchange.order_counts(1, NOW)[0].count == 2
    assert floor.market.book("BTCUSDT").visible_quantity(SELL, fixed("61000")) == fixed("0.5")


def test_a_stop_that_triggers_ends_the_target(floor: Floor) -> None:
    """The target is out of the book before the stop sells, with the lots that both held."""
    order_list = place(floor)
    floor.reports()
    floor.market.print_trade("BTCUSDT", "59000")
    floor.exchange.advance(NOW, 1)

    target, stop = order_list.legs
    assert (target.status, target.expiry_reason) == (
        OrderStatus.EXPIRED,
        ExpiryReason.OCO_TRIGGER,
    )
    assert stop.status is OrderStatus.FILLED
    assert order_list.status is ListStatus.ALL_DONE
    assert floor.balance("BTC") == (fixed("1.5"), 0)
    assert floor.market.book("BTCUSDT").visible_quantity(SELL, fixed("61000")) == 0
    assert outline(floor) == [
        "pair-target EXPIRED EXPIRED",
        "pair-stop NEW NEW",
        "pair-stop TRADE FILLED",
        "list ALL_DONE",
        "position",
    ]


def test_a_target_that_fills_ends_the_stop(floor: Floor) -> None:
    """The lots are sold once, whatever the price does then."""
    order_list = place(floor)
    floor.reports()
    floor.market.offer("BTCUSDT", BUY, "61000", "2")
    floor.exchange.advance(NOW, 1)

    target, stop = order_list.legs
    assert (target.status, stop.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert outline(floor) == [
        "pair-stop EXPIRED EXPIRED",
        "pair-target TRADE FILLED",
        "list ALL_DONE",
        "position",
    ]
    floor.market.print_trade("BTCUSDT", "50000")
    floor.exchange.advance(NOW, 1)
    assert floor.balance("BTC") == (fixed("1.5"), 0)


def test_a_target_that_fills_in_part_goes_on_alone(floor: Floor) -> None:
    """What is left of it has no stop: a fall does not sell it, a cancel gives it back."""
    order_list = place(floor)
    floor.market.offer("BTCUSDT", BUY, "61000", "0.2")
    floor.exchange.advance(NOW, 1)

    target, stop = order_list.legs
    assert (target.status, stop.status) == (OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED)
    assert floor.balance("BTC") == (fixed("1.5"), fixed("0.3"))
    floor.market.print_trade("BTCUSDT", "50000")
    floor.exchange.advance(NOW, 1)
    assert floor.balance("BTC") == (fixed("1.5"), fixed("0.3"))
    key = ListKey(account_id=1, list_client_id="pair")
    with pytest.raises(Refused, match=r"^Unknown order sent\.$"):
        floor.exchange.cancel_list("BTCUSDT", key, "no", NOW)
    floor.exchange.cancel(1, cancel_of(target.order_id), NOW)
    assert floor.balance("BTC") == (fixed("1.8"), 0)


@pytest.mark.parametrize("whole", [True, False], ids=["the list", "a leg"])
def test_a_cancel_ends_both_legs(floor: Floor, *, whole: bool) -> None:
    """By the list's id, or by that of either leg."""
    order_list = place(floor)
    floor.reports()
    if whole:
        key = ListKey(account_id=1, list_id=order_list.list_id)
        assert floor.exchange.cancel_list("BTCUSDT", key, "end", NOW) is order_list
    else:
        floor.exchange.cancel(1, cancel_of(client_order_id="pair-stop", cancel_id="end"), NOW)

    assert [leg.status for leg in order_list.legs] == [OrderStatus.CANCELED] * 2
    assert floor.balance("BTC") == (fixed("2"), 0)
    assert outline(floor) == [
        "end CANCELED CANCELED",
        "end CANCELED CANCELED",
        "list ALL_DONE",
        "position",
    ]
    assert floor.exchange.open_lists(1) == []


def test_cancel_all_takes_lists_with_it(floor: Floor) -> None:
    """Each leg once, beside the orders that are alone."""
    place(floor)
    alone = floor.place(wish(BUY, "0.1", "59000"))
    assert len(floor.exchange.cancel_all(1, "BTCUSDT", NOW)) == 3
    assert floor.exchange.open_orders(1, None) == []
    assert (
        floor.exchange.query(OrderKey(account_id=1, symbol="BTCUSDT", order_id=alone)).status
        is OrderStatus.CANCELED
    )
    assert floor.balance("BTC") == (fixed("2"), 0)


def test_a_pair_that_buys_holds_back_its_dearer_leg(floor: Floor) -> None:
    """And gets back the rest when the cheaper one fills."""
    wanted = NewOrderList(
        list_client_id="buy",
        above=leg(OrderType.STOP_LOSS_LIMIT, BUY, "in", "62000", "61000"),
        below=leg(OrderType.LIMIT_MAKER, BUY, "dip", "59000", ""),
    )
    place(floor, wanted)
    assert floor.balance("USDT") == (fixed("69000"), fixed("31000"))
    floor.market.offer("BTCUSDT", SELL, "59000", "1")
    floor.exchange.advance(NOW, 1)
    assert floor.balance("USDT") == (fixed("70500"), 0)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (pair(target="60005"), "The relationship of the prices for the orders is not correct."),
        (pair(stop="60005"), "The relationship of the prices for the orders is not correct."),
        (pair(target="58000"), "The relationship of the prices for the orders is not correct."),
        (pair(target="60005.001"), "Filter failure: PRICE_FILTER"),
        (pair(stop="59000.001"), "Filter failure: PRICE_FILTER"),
        (pair(stop="9"), "Filter failure: NOTIONAL"),
    ],
)
def test_a_pair_whose_prices_are_no_pair_is_refused(
    floor: Floor, wanted: NewOrderList, text: str
) -> None:
    """A sale: limit above the last trade, stop below it. Neither leg is let in."""
    with pytest.raises(Refused) as caught:
        place(floor, wanted)
    assert caught.value.text == text
    assert floor.balance("BTC") == (fixed("2"), 0)
    assert floor.exchange.order_counts(1, NOW)[0].count == 0


def test_a_target_that_would_trade_at_once_is_refused(floor: Floor) -> None:
    """Above the last trade, and yet not above the bids."""
    floor.market.offer("BTCUSDT", SELL, "60010", "0")
    floor.market.offer("BTCUSDT", BUY, "60020", "1")
    with pytest.raises(Refused, match=r"^Order would immediately match and take\.$"):
        place(floor, pair(target="60015"))


def test_a_pair_without_the_lots_is_refused(floor: Floor) -> None:
    """What is locked is not there for another pair."""
    for number in range(4):
        place(floor, pair(name=f"pair-{number}"))
    with pytest.raises(Refused, match="insufficient balance"):
        place(floor, pair(name="one-more"))


def test_ids_of_open_lists_and_legs_are_their_own(floor: Floor) -> None:
    """A list's id is free again when it is done, as an order's is."""
    place(floor)
    for changed in (pair(), msgspec.structs.replace(pair(name="other"), list_client_id="pair")):
        with pytest.raises(Refused, match=r"^Duplicate order sent\.$"):
            place(floor, changed)
    twice = pair(name="x")
    twice = msgspec.structs.replace(
        twice, below=msgspec.structs.replace(twice.below, client_order_id="x-target")
    )
    with pytest.raises(Refused, match=r"^Duplicate order sent\.$"):
        place(floor, twice)
    floor.exchange.cancel_list("BTCUSDT", ListKey(account_id=1, list_client_id="pair"), "c", NOW)
    place(floor)


def test_no_other_account_sees_a_list(floor: Floor) -> None:
    """Neither to look at, nor to cancel."""
    order_list = place(floor)
    key = ListKey(account_id=2, list_id=order_list.list_id)
    with pytest.raises(Refused, match=r"^Order does not exist\.$"):
        floor.exchange.query_list(key)
    with pytest.raises(Refused, match=r"^Unknown order sent\.$"):
        floor.exchange.cancel_list("BTCUSDT", key, "c", NOW)


def test_a_list_survives_a_restart_and_triggers_behind_it(floor: Floor) -> None:
    """Legs, lots and waiting are in the ledger; the list ends as it would have."""
    order_list = place(floor)
    market = StillMarket()
    open_market(market)
    again = Exchange(market, floor.ledger, floor.rules, NOW)

    assert again.account(1).balances["BTC"].locked == fixed("0.5")
    found = again.query_list(ListKey(account_id=1, list_client_id="pair"))
    assert found == order_list
    assert [leg.is_waiting for leg in found.legs] == [False, True]
    market.print_trade("BTCUSDT", "58000")
    again.advance(NOW, 1)
    assert [leg.status for leg in found.legs] == [OrderStatus.EXPIRED, OrderStatus.FILLED]
    third = Exchange(StillMarket(), floor.ledger, floor.rules, NOW)
    assert third.open_lists(1) == []
    ended = third.query_list(ListKey(account_id=1, list_id=order_list.list_id))
    assert (ended.status, [leg.status for leg in ended.legs]) == (
        ListStatus.ALL_DONE,
        [OrderStatus.EXPIRED, OrderStatus.FILLED],
    )
    assert third.place_list(1, pair(name="next"), NOW).list_id > order_list.list_id
    history = HistoryRange(account_id=1, symbol="", limit=5)
    assert [each.list_client_id for each in third.order_lists(history)] == ["pair", "next"]


def test_a_list_of_a_symbol_no_longer_listed_ends(floor: Floor) -> None:
    """At a restart or while it trades: both legs expire, and the lots are free."""
    order_list = place(floor)
    again = Exchange(StillMarket(["ETHUSDT"]), floor.ledger, floor.rules, NOW)
    assert again.open_lists(1) == []
    assert again.account(1).balances["BTC"].locked == 0

    floor.exchange.operations.delist("BTCUSDT", NOW)
    assert [leg.expiry_reason for leg in order_list.legs] == [ExpiryReason.EXCHANGE_CANCELED] * 2
    assert order_list.status is ListStatus.ALL_DONE
    assert floor.balance("BTC") == (fixed("2"), 0)


def test_a_leg_that_meets_its_own_account_ends_the_list(floor: Floor) -> None:
    """Self-trade prevention expires the target; its stop does not stay behind with the lots."""
    order_list = place(floor)
    floor.market.offer("BTCUSDT", SELL, "60010", "0")
    floor.place(wish(BUY, "0.5", "61000"))
    target, stop = order_list.legs
    assert (target.status, stop.status) == (OrderStatus.EXPIRED_IN_MATCH, OrderStatus.EXPIRED)
    assert floor.balance("BTC") == (fixed("2"), 0)


def test_events_of_a_list_name_it_and_its_legs(floor: Floor) -> None:
    """`g` on each report, and all ids in listStatus (section 10)."""
    order_list = place(floor)
    target, stop, status, _ = floor.reports()
    assert (target["g"], stop["g"]) == (order_list.list_id, order_list.list_id)
    assert (stop["P"], stop["w"], "W" in stop) == ("59000.00000000", False, False)
    assert (target["w"], "W" in target) == (True, True)
    assert (status["s"], status["g"], status["c"], status["l"], status["C"]) == (
        "BTCUSDT",
        order_list.list_id,
        "OCO",
        "EXEC_STARTED",
        "pair",
    )
    assert each(at(status, "O"), "c") == ["pair-target", "pair-stop"]
