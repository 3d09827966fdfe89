"""A venue in the hand: a public that does as it is told, traders, keys, clients on real sockets."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.exchange.endpoints import Endpoints
from genesis.units import NANOS_PER_MS, Nanos, Price, fixed_from_text
from genesis.venue.config import SIM_ACCOUNT_ID, ModelOptions, VenueConfig
from genesis.venue.connection import Clock
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.exchange import Exchange, ExchangeRules
from genesis.venue.klines import KlineDesk
from genesis.venue.ledger import Ledger
from genesis.venue.listing import LISTINGS, Listing
from genesis.venue.matching import Execution, InstrumentBook
from genesis.venue.order_entry import CancelRequest
from genesis.venue.orders import NewOrder, ResponseType, SelfTradePrevention
from genesis.venue.server import VenueServer
from genesis.venue.signatures import RegisteredKey
from genesis.venue.sqlite_ledger import SqliteLedger
from genesis.venue.stream_payloads import PublicTrade, StreamMessage
from genesis.venue.time_units import encode_json

NOW: Final[Nanos] = 1_780_000_000_000 * NANOS_PER_MS
"""The present of tests that have no clock."""

API_KEY: Final = "sim-key"
PRIVATE_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY: Final = base64.b64encode(PRIVATE_KEY.public_key().public_bytes_raw()).decode()
REGISTERED: Final = RegisteredKey(
    api_key=API_KEY, account_id=SIM_ACCOUNT_ID, algorithm="ed25519", secret=PUBLIC_KEY
)
DEADLINE_SECONDS: Final = 20.0

fixed: Final = fixed_from_text


class StillMarket:
    """A public that moves only when a test moves it. It lists BTCUSDT and ETHUSDT."""

    def __init__(self, symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")) -> None:
        self.listings: Mapping[str, Listing] = {symbol: LISTINGS[symbol] for symbol in symbols}
        self.books = {symbol: InstrumentBook() for symbol in symbols}
        self.executions: list[tuple[str, Execution]] = []
        self.pending: list[tuple[str, Execution]] = []
        self.average: dict[str, Price] = {}
        self.klines = KlineDesk()
        self.last_trade_id = 1_000

    @property
    def next_at(self) -> Nanos | None:
        """Due at once while a test has left something to settle."""
        return 0 if self.pending else None

    def book(self, symbol: str) -> InstrumentBook:
        """Return the matching book of a listed symbol."""
        return self.books[symbol]

    def offer(self, symbol: str, side: Side, price: str, quantity: str) -> None:
        """Set a public level, and let resting orders that it crosses trade."""
        book = self.books[symbol]
        book.set_public(side, fixed(price), fixed(quantity))
        executions = book.settle_crossed()
        self.number_trades(symbol, executions, NOW)
        self.pending += [(symbol, execution) for execution in executions]

    def print_trade(self, symbol: str, price: str) -> None:
        """Let the public trade a little among itself, which moves no book."""
        self.last_trade_id += 1
        trade = PublicTrade(
            symbol,
            self.last_trade_id,
            fixed(price),
            fixed("0.1"),
            NOW,
            buyer_is_maker=True,
        )
        self.klines.add(trade)

    def step(self, now: Nanos) -> list[tuple[str, Execution]]:
        """Hand over what `offer` made."""
        del now
        pending, self.pending = self.pending, []
        return pending

    def number_trades(self, symbol: str, executions: Sequence[Execution], now: Nanos) -> None:
        """Give trades their ids, and keep them."""
        del now
        for execution in executions:
            self.last_trade_id += 1
            execution.trade_id = self.last_trade_id
            self.executions.append((symbol, execution))

    def publish(self, symbol: str, now: Nanos) -> None:
        """Show nothing to nobody."""
        del now
        self.books[symbol].changes.clear()

    def halt(self, symbol: str, *, is_halted: bool) -> None:
        """Keep still, as ever."""
        del symbol, is_halted

    def shift(self, step: Nanos) -> None:
        """Keep no time."""
        del step

    def depth(self, symbol: str, limit: int) -> DepthSnapshot:
        """Return the public book."""
        book = self.books[symbol]
        bids = list(book.public_side(Side.BUY).levels())[:limit]
        return DepthSnapshot(7, bids, list(book.public_side(Side.SELL).levels())[:limit])

    def reference_price(self, symbol: str, now: Nanos) -> Price:
        """Return the average that a test has set, or 0."""
        del now
        return self.average.get(symbol, 0)

    def marks(self) -> list[tuple[str, Price]]:
        """Return one mark a symbol that has an average."""
        return list(self.average.items())

    def take_messages(self) -> list[StreamMessage]:
        """Return none."""
        return []


def at(document: object, *path: str | int) -> object:
    """Return what stands at a path in a JSON document."""
    for step in path:
        if isinstance(step, int):
            assert isinstance(document, list), document
            document = document[step]
        else:
            assert isinstance(document, dict), document
            document = document[step]
    return document


def each(document: object, *path: str | int) -> list[object]:
    """Return what stands at a path in every element of a JSON list."""
    assert isinstance(document, list), document
    return [at(element, *path) for element in document]


def wish(side: Side, quantity: str, price: str | None = None, **changes: object) -> NewOrder:
    """Return an order for BTCUSDT: a GTC limit order with a price, a market order without."""
    order = NewOrder(
        symbol="BTCUSDT",
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=0 if price is None else fixed(price),
        quantity=fixed(quantity),
        quote_quantity=0,
        client_order_id="",
        stp_mode=SelfTradePrevention.EXPIRE_MAKER,
        response_type=ResponseType.FULL,
    )
    return msgspec.structs.replace(order, **changes)


def wish_by_amount(side: Side, amount: str, **changes: object) -> NewOrder:
    """Return a market order for BTCUSDT worth an amount of the quote asset."""
    order = msgspec.structs.replace(wish(side, "0"), quote_quantity=fixed(amount))
    return msgspec.structs.replace(order, **changes)


def cancel_of(order_id: int = 0, client_order_id: str = "", **changes: object) -> CancelRequest:
    """Return a request to cancel an order of BTCUSDT."""
    request = CancelRequest(
        symbol="BTCUSDT",
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_id="cancel-1",
        only_status="",
    )
    return msgspec.structs.replace(request, **changes)


@dataclass(slots=True)
class Floor:
    """An exchange over a still market, with accounts 1 and 2 that own both assets."""

    market: StillMarket = field(default_factory=StillMarket)
    ledger: Ledger = field(default_factory=lambda: SqliteLedger(":memory:"))
    rules: ExchangeRules = field(default_factory=ExchangeRules)
    exchange: Exchange = field(init=False)
    orders: int = 0

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.market, self.ledger, self.rules, NOW)
        deposits = (("USDT", fixed("100000")), ("BTC", fixed("2")), ("ETH", fixed("10")))
        for account_id in (1, 2):
            self.exchange.open_account(account_id, deposits, NOW)

    def place(self, order: NewOrder, account_id: int = 1, now: Nanos = NOW) -> int:
        """Place an order under an id of its own unless it has one; return the venue's id."""
        self.orders += 1
        if not order.client_order_id:
            order = msgspec.structs.replace(order, client_order_id=f"order-{self.orders}")
        return self.exchange.place(account_id, order, now).order.order_id

    def balance(self, asset: str, account_id: int = 1) -> tuple[int, int]:
        """Return free and locked."""
        balance = self.exchange.account(account_id).balances[asset]
        return balance.free, balance.locked

    def reports(self) -> list[dict[str, object]]:
        """Return the user events since the last call."""
        events = self.exchange.take_events()
        return [msgspec.json.decode(encode_json(event.document)) for event in events]


def sign(payload: str) -> str:
    """Sign as the simulated account's client does."""
    return base64.b64encode(PRIVATE_KEY.sign(payload.encode())).decode()


def signed(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters with key and signature."""
    full = {"apiKey": API_KEY, **parameters}
    payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
    return {**full, "signature": sign(payload)}


def now_ms() -> int:
    """Return the time for a signed request on a real socket."""
    return time.time_ns() // NANOS_PER_MS


def model_config(**changes: object) -> VenueConfig:
    """Return a venue with a small market model and no ledger file."""
    config = VenueConfig(
        ledger_path=":memory:", keys=(REGISTERED,), model=ModelOptions(instruments=3, rate=200.0)
    )
    return msgspec.structs.replace(config, **changes)


@contextlib.asynccontextmanager
async def open_venue(
    config: VenueConfig, clock: Clock = time.time_ns
) -> AsyncIterator[tuple[VenueServer, str]]:
    """Open a venue on a free port; yield it and its address."""
    server = VenueServer(config, clock)
    port = await server.start("127.0.0.1", 0)
    try:
        yield server, f"{'ws' if config.tls is None else 'wss'}://127.0.0.1:{port}"
    finally:
        await server.close()


def endpoints_of(address: str) -> Endpoints:
    """Return where a client finds each service of the venue at `address`."""
    return Endpoints(
        streams_url=f"{address}/stream",
        ws_api_url=f"{address}/ws-api/v3",
        rest_url=f"http{address.removeprefix('ws')}/api/v3",
    )


class ApiClient:
    """A client of the WebSocket API that keeps the events between the replies."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, object]] = []
        self._last_id = 0

    async def send(self, method: str, **parameters: object) -> int:
        """Send a request without waiting; return its id."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": parameters}
        await self.connection.send(msgspec.json.encode(request), text=True)
        return self._last_id

    async def call(self, method: str, **parameters: object) -> dict[str, object]:
        """Send a request and return the whole reply to it."""
        wanted = await self.send(method, **parameters)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                message = await self._receive()
                if message.get("id") == wanted:
                    return message
                self.events.append(message)

    async def result(self, method: str, **parameters: object) -> dict[str, object]:
        """Send a request that must succeed and return its result."""
        reply = await self.call(method, **parameters)
        assert reply["status"] == 200, reply
        result = reply["result"]
        assert isinstance(result, dict)
        return result

    async def log_on(self) -> None:
        """Authenticate the session and subscribe to the account's events."""
        await self.result("session.logon", **signed({"timestamp": now_ms()}))
        await self.result("userDataStream.subscribe")

    async def event(self, wanted: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        """Return the first event that is wanted, from those kept or still to come."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                while self.events:
                    event = self.events.pop(0)["event"]
                    assert isinstance(event, dict)
                    if wanted(event):
                        return event
                self.events.append(await self._receive())

    async def _receive(self) -> dict[str, object]:
        message = msgspec.json.decode(await self.connection.recv())
        assert isinstance(message, dict)
        return message


@contextlib.asynccontextmanager
async def api_client(address: str, query: str = "") -> AsyncIterator[ApiClient]:
    """Connect to the WebSocket API of a venue."""
    async with connect(f"{address}/ws-api/v3{query}") as connection:
        yield ApiClient(connection)
