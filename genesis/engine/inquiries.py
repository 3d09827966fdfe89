"""Questions to the venue, each put as soon as it is wanted; the core hears the answers (I/O)."""

from collections.abc import Callable, Sequence
from functools import partial

from genesis.clock import EngineClock
from genesis.engine.effects import (
    CancelOrder,
    CancelOrderList,
    Effect,
    FetchInstruments,
    FetchTrades,
    QueryOrder,
    Question,
    SearchTrades,
    TryOrder,
)
from genesis.engine.execution import ExecutionCore
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.venue_questions import Sighting, look_up_order
from genesis.exchange.gateway import Gateway, NoAnswer, QueryOutcome


class Inquiries:
    """Puts questions; `enact` takes the effects of what the core makes of each answer."""

    def __init__(
        self,
        core: ExecutionCore,
        gateway: Gateway,
        clock: EngineClock,
        enact: Callable[[Sequence[Effect]], None],
    ) -> None:
        self._core = core
        self._gateway = gateway
        self._clock = clock
        self._enact = enact

    async def ask(self, effect: Question) -> None:
        """Put a question to the venue, and hand the core its answer."""
        match effect:
            case CancelOrder(symbol=symbol, client_order_id=client_order_id):
                await self._cancel(symbol, client_order_id)
            case CancelOrderList():
                await self._cancel_list(effect)
            case QueryOrder():
                await self._query(effect)
            case FetchTrades(symbol=symbol, venue_order_id=venue_order_id):
                await self._fetch_trades(symbol, venue_order_id)
            case FetchInstruments():
                await self._fetch_instruments(effect)
            case SearchTrades():
                await self._search_trades(effect)
            case TryOrder(order=order):
                await self._try(order)

    async def _cancel(self, symbol: str, client_order_id: str) -> None:
        outcome = await self._gateway.cancel(symbol, client_order_id)
        self._enact(self._core.on_cancel_outcome(client_order_id, outcome, self._clock.now()))

    async def _cancel_list(self, effect: CancelOrderList) -> None:
        outcome = await self._gateway.cancel_list(effect.symbol, effect.list_client_order_id)
        self._enact(self._core.on_list_cancel_outcome(effect, outcome, self._clock.now()))

    async def _query(self, effect: QueryOrder) -> None:
        outcome: QueryOutcome
        seen = await self._gateway.on_one_path(partial(look_up_order, effect))
        if isinstance(seen, Sighting):
            outcome, venue_ms = seen.outcome, seen.venue_ms
        else:
            outcome, venue_ms = seen, 0
        self._enact(
            self._core.on_query_outcome(
                effect.client_order_id,
                outcome,
                venue_ms=venue_ms,
                cancel_first=effect.cancel_first,
                now=self._clock.now(),
            )
        )

    async def _fetch_trades(self, symbol: str, venue_order_id: int) -> None:
        trades = await self._gateway.trades_of_order(symbol, venue_order_id)
        if not isinstance(trades, NoAnswer):
            self._enact(self._core.on_trades(trades, self._clock.now()))

    async def _fetch_instruments(self, effect: FetchInstruments) -> None:
        listing = await self._gateway.instruments(effect.symbols)
        self._enact(self._core.on_listing(effect, listing, self._clock.now()))

    async def _try(self, order: ApprovedOrder) -> None:
        outcome = await self._gateway.test_order(order)
        symbol, now = order.intent.symbol, self._clock.now()
        self._enact(self._core.canary.on_order_test(symbol, outcome, now))

    async def _search_trades(self, effect: SearchTrades) -> None:
        trades = await self._gateway.trades_made_since(effect.symbol, effect.since)
        self._enact(self._core.on_trades_found(effect, trades, self._clock.now()))
