"""A stop and a target over real sockets: one ends the other, over a restart of the venue too."""

from pathlib import Path
from typing import Final

import msgspec

from genesis.domain.order_ids import OrderIdParts, order_list_ids
from genesis.domain.order_lists import OrderListReport, OrderListState
from genesis.domain.orders import ExecutionReport, OrderState, OrderType
from genesis.engine.risk_engine import ApprovedOrderList
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.exchange.gateway import (
    Accepted,
    Account,
    Found,
    ListAccepted,
    ListFound,
    NoAnswer,
    NotFound,
    NotOpen,
    Rejected,
    Unknown,
)
from genesis.units import NANOS_PER_MS, SCALE, Price
from genesis.venue.config import SIM_ACCOUNT_ID
from genesis.venue.ledger import OrderKey
from genesis.venue.request_faults import (
    Answered,
    CancelOvertaken,
    OrderHidden,
    ReplyLost,
    RequestLost,
)
from genesis.venue.server import VenueServer
from genesis.venue.stream_payloads import PublicTrade
from tests.support.exchange_builders import ED25519_PEM, approved, approved_pair
from tests.support.faults import LocalFaults
from tests.support.gateways import EventLog, gateway_to
from tests.support.rest_paths import path_to
from tests.support.venue import API_KEY, endpoints_of, model_config, now_ms, open_venue

SIGNER: Final = make_signer(API_KEY, ED25519_PEM)
SYMBOL: Final = "BTCUSDT"
PLACE: Final = "orderList.place.oco"
LOTS: Final = SCALE // 100
DOLLAR: Final = SCALE


def pair_around(price: Price, sequence: int) -> ApprovedOrderList:
    """Return a pair a tenth below and above a price, with ids of its own."""
    dollars = price // DOLLAR
    ids = order_list_ids(OrderIdParts(account="0a", strategy_number=1, epoch=2, sequence=sequence))
    whole = approved_pair(quantity=LOTS).intent
    stop = msgspec.structs.replace(
        whole.stop, client_order_id=ids.stop, trigger_price=dollars * 9 // 10 * DOLLAR
    )
    target = msgspec.structs.replace(
        whole.target, client_order_id=ids.target, limit_price=dollars * 11 // 10 * DOLLAR
    )
    pair = msgspec.structs.replace(
        whole, list_client_order_id=ids.order_list, stop=stop, target=target
    )
    return ApprovedOrderList(intent=pair, approved_at=0)


async def place(gateway: WsGateway, pair: ApprovedOrderList) -> OrderListReport:
    """Place a pair that the venue takes."""
    outcome = await gateway.submit_list(pair, timestamp_ms=gateway.timestamp_ms())
    assert isinstance(outcome, ListAccepted), outcome
    return outcome.report


async def buy(gateway: WsGateway) -> Price:
    """Buy lots for several pairs; return their price."""
    order = approved(order_type=OrderType.MARKET, limit_price=0, quantity=4 * LOTS)
    bought = await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())
    assert isinstance(bought, Accepted), bought
    return bought.fills[0].price


def print_trade(server: VenueServer, price: Price) -> None:
    """Let the public trade a little at a price."""
    trade = PublicTrade(SYMBOL, 1, price, SCALE // 1_000, now_ms() * NANOS_PER_MS, True)  # noqa: FBT003
    server.exchange.market.klines.add(trade)


async def ending(log: EventLog, client_order_id: str) -> ExecutionReport:
    """Wait for the report by which an order has ended."""
    open_states = {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}
    return await log.first(
        ExecutionReport,
        lambda report: (
            report.client_order_id == client_order_id and report.state not in open_states
        ),
    )


async def list_ending(log: EventLog, list_id: str) -> OrderListReport:
    """Wait for the report that a list is done."""
    return await log.first(
        OrderListReport,
        lambda report: (
            report.list_client_order_id == list_id and report.state is OrderListState.DONE
        ),
    )


def balances_of(server: VenueServer) -> dict[str, tuple[int, int]]:
    """Return free and locked of each asset, by the venue's books."""
    held = server.exchange.account(SIM_ACCOUNT_ID).balances
    return {asset: (each.free, each.locked) for asset, each in held.items()}


async def assert_books_agree(gateway: WsGateway, server: VenueServer, locked: int) -> None:
    """Compare balances as told and as kept; so many bitcoin are held back."""
    account = await gateway.account()
    assert isinstance(account, Account)
    told = {each.asset: (each.free, each.locked) for each in account.balances}
    assert told == {asset: held for asset, held in balances_of(server).items() if any(held)}
    assert told["BTC"][1] == locked


async def test_a_stop_triggers_and_its_target_expires(tmp_path: Path) -> None:
    """Reply, events, queries and books tell one story, from the placement to the last fill."""
    log = EventLog()
    config = model_config(ledger_path=str(tmp_path / "venue.db"))
    async with (
        open_venue(config) as (server, address),
        gateway_to(f"{address}/ws-api/v3", signer=SIGNER, log=log) as gateway,
    ):
        price = await buy(gateway)
        pair = pair_around(price, 1)
        stop, target = pair.intent.legs
        list_id = pair.intent.list_client_order_id
        placed = await place(gateway, pair)
        assert placed.state is OrderListState.WORKING
        assert {report.client_order_id: report.is_waiting for report in placed.reports} == {
            stop.client_order_id: True,
            target.client_order_id: False,
        }
        await log.first(OrderListReport, lambda report: report.state is OrderListState.WORKING)
        await assert_books_agree(gateway, server, LOTS)
        lists = await gateway.open_lists()
        assert not isinstance(lists, NoAnswer)
        assert [(each.list_client_order_id, each.legs) for each in lists] == [
            (list_id, placed.legs)
        ]
        open_orders = await gateway.open_orders(SYMBOL)
        assert not isinstance(open_orders, NoAnswer)
        assert {order.venue_list_id for order in open_orders} == {placed.venue_list_id}

        print_trade(server, stop.trigger_price)
        sold, expired = (
            await ending(log, stop.client_order_id),
            await ending(log, target.client_order_id),
        )
        assert (sold.state, sold.filled_quantity) == (OrderState.FILLED, LOTS)
        assert (expired.state, expired.reason) == (OrderState.EXPIRED, "OCO_TRIGGER")
        done = await list_ending(log, list_id)
        assert done.legs == placed.legs
        found = await gateway.query_list(list_id)
        assert isinstance(found, ListFound)
        assert found.report.state is OrderListState.DONE
        trades = await gateway.trades_of_order(SYMBOL, sold.venue_order_id)
        assert not isinstance(trades, NoAnswer)
        assert sum(fill.quantity for fill in trades) == LOTS
        assert isinstance(await gateway.cancel_list(SYMBOL, list_id), NotOpen)
        await assert_books_agree(gateway, server, 0)


async def test_a_pair_lives_on_when_the_venue_comes_back(tmp_path: Path) -> None:
    """Found by its id, its lots still held once; its target fills and its stop expires."""
    config = model_config(ledger_path=str(tmp_path / "venue.db"))
    async with (
        open_venue(config) as (_, address),
        gateway_to(f"{address}/ws-api/v3", signer=SIGNER) as gateway,
    ):
        pair = pair_around(await buy(gateway), 1)
        placed = await place(gateway, pair)
    log = EventLog()
    target, stop = pair.intent.target, pair.intent.stop
    async with (
        open_venue(config) as (server, address),
        gateway_to(f"{address}/ws-api/v3", signer=SIGNER, log=log) as gateway,
    ):
        found = await gateway.query_list(pair.intent.list_client_order_id)
        assert isinstance(found, ListFound)
        assert (found.report.state, found.report.legs) == (OrderListState.WORKING, placed.legs)
        waiting = await gateway.query(SYMBOL, stop.client_order_id)
        assert isinstance(waiting, Found)
        assert (waiting.report.is_waiting, waiting.report.trigger_price) == (
            True,
            stop.trigger_price,
        )
        await assert_books_agree(gateway, server, LOTS)
        key = OrderKey(
            account_id=SIM_ACCOUNT_ID, symbol=SYMBOL, client_order_id=target.client_order_id
        )
        server.exchange.operations.fill(key, now_ms() * NANOS_PER_MS)
        filled, expired = (
            await ending(log, target.client_order_id),
            await ending(log, stop.client_order_id),
        )
        assert (filled.state, expired.reason) == (OrderState.FILLED, "OCO_TRIGGER")
        await list_ending(log, pair.intent.list_client_order_id)
        await assert_books_agree(gateway, server, 0)


async def test_a_pair_whose_answer_is_lost_is_looked_for_by_its_id() -> None:
    """Executed or not, the outcome is unknown; the list, or a leg, tells which, in time."""
    async with (
        open_venue(model_config()) as (server, address),
        gateway_to(f"{address}/ws-api/v3", signer=SIGNER, reply_timeout_ms=500) as gateway,
    ):
        faults = LocalFaults(server)
        price = await buy(gateway)
        outcomes = []
        for sequence, fault in enumerate(
            (
                ReplyLost(method=PLACE),
                RequestLost(method=PLACE),
                Answered(method=PLACE, code=-1007, executed=True),
                OrderHidden(method=PLACE, hidden_ms=60_000),
            )
        ):
            pair = pair_around(price, sequence)
            await faults.strike(fault)
            outcome = await gateway.submit_list(pair, timestamp_ms=gateway.timestamp_ms())
            found = await gateway.query_list(pair.intent.list_client_order_id)
            leg = await gateway.query(SYMBOL, pair.intent.stop.client_order_id)
            outcomes.append((type(outcome), type(found), type(leg)))
        assert outcomes == [
            (Unknown, ListFound, Found),
            (Unknown, NotFound, NotFound),
            (Unknown, ListFound, Found),
            (ListAccepted, NotFound, NotFound),
        ]
        await assert_books_agree(gateway, server, 3 * LOTS)
        await faults.strike(CancelOvertaken())
        target = pair_around(price, 0).intent.target
        assert isinstance(await gateway.cancel(SYMBOL, target.client_order_id), NotOpen)
        await assert_books_agree(gateway, server, 2 * LOTS)


async def test_a_pair_is_canceled_by_either_way_and_refused_in_words() -> None:
    """The list by REST, or one leg by the WebSocket API: both legs end, and free their lots."""
    async with (
        open_venue(model_config()) as (server, address),
        gateway_to(f"{address}/ws-api/v3", signer=SIGNER) as gateway,
        path_to(endpoints_of(address).rest_url, signer=SIGNER) as rest,
    ):
        price = await buy(gateway)
        first, second, third = (pair_around(price, sequence).intent for sequence in (1, 2, 3))
        await place(gateway, ApprovedOrderList(intent=first, approved_at=0))
        found = await rest.query_list(first.list_client_order_id)
        assert isinstance(found, ListFound)
        lists = await rest.open_lists()
        assert not isinstance(lists, NoAnswer)
        assert [each.venue_list_id for each in lists] == [found.report.venue_list_id]
        canceled = await rest.cancel_list(SYMBOL, first.list_client_order_id)
        assert isinstance(canceled, ListAccepted)
        assert [report.state for report in canceled.report.reports] == [OrderState.CANCELED] * 2
        assert isinstance(await rest.cancel_list(SYMBOL, first.list_client_order_id), NotOpen)
        assert await rest.query_list("G0a-none-of-ours") == NotFound()

        await place(gateway, ApprovedOrderList(intent=second, approved_at=0))
        leg = await gateway.cancel(SYMBOL, second.target.client_order_id)
        assert isinstance(leg, Accepted)
        assert leg.report.state is OrderState.CANCELED
        assert isinstance(await gateway.cancel(SYMBOL, second.stop.client_order_id), NotOpen)

        upside_down = msgspec.structs.replace(
            third,
            stop=msgspec.structs.replace(third.stop, trigger_price=third.target.limit_price),
            target=msgspec.structs.replace(third.target, limit_price=2 * third.target.limit_price),
        )
        refused = await gateway.submit_list(
            ApprovedOrderList(intent=upside_down, approved_at=0),
            timestamp_ms=gateway.timestamp_ms(),
        )
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.retryable) == (-2010, False)
        assert refused.reason == "The relationship of the prices for the orders is not correct."
        await assert_books_agree(gateway, server, 0)
