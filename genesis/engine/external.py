"""Orders and trades of the account that are not ours: noticed, shown, and owned by nobody here.

The account's owner may trade by hand, and other programs with other keys may too. What they trade
moves the balances that we compare with the venue's, and nothing else: no position, no PnL. It is
written down by the venue's own trade ids, like ours, and is never guessed from a difference.

A trade is external only if its order is known to be: by the client order id that an event or a list
of orders shows. Until then it waits, and so does one of a symbol whose assets are not known yet.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import TERMINAL_STATES, ExecutionReport, Fill
from genesis.domain.positions import AssetPair
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect, FetchInstruments
from genesis.engine.entries import ExternalFillBooked, external_name
from genesis.engine.ledger import Ledger
from genesis.exchange.gateway import ListingOutcome, NoAnswer, NotListed
from genesis.limits import EXTERNAL_ORDERS_KEPT, EXTERNAL_TRADES_KEPT, RECONCILE_ORDER_AGE
from genesis.units import Nanos, text_from_fixed

_Order: TypeAlias = tuple[str, int]  # the venue's name of an order: symbol and number

_Fields: TypeAlias = dict[str, str | int | float]


class ExternalActivity:
    """What others do on our account, as far as the venue has told."""

    def __init__(
        self, *, ledger: Ledger, catalogue: InstrumentCatalogue, books: Bookkeeper
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._books = books
        self._orders: dict[_Order, ExecutionReport] = {}
        self._open: dict[_Order, None] = {}
        self._ours: dict[_Order, None] = {}
        self._waiting: dict[str, Fill] = {}
        # By symbol, of which there are as many as the venue lists.
        self._pairs: dict[str, AssetPair] = {}
        self._pairs_asked: set[str] = set()
        self._orders_by_symbol: dict[str, int] = {}

    @property
    def orders_by_symbol(self) -> Mapping[str, int]:
        """Return how many orders of others this executor has seen, by symbol."""
        return self._orders_by_symbol

    @property
    def orders(self) -> tuple[ExecutionReport, ...]:
        """Return what is known of their last orders, the latest news last."""
        return tuple(self._orders.values())

    @property
    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return their orders that are open, which count towards the account's limits."""
        return tuple(self._orders[order] for order in self._open)

    @property
    def waits(self) -> bool:
        """Tell whether there are trades that cannot be booked yet."""
        return bool(self._waiting)

    @property
    def unclassified(self) -> tuple[Fill, ...]:
        """Return the trades of which it is not known whose they are."""
        return tuple(
            trade for trade in self._waiting.values() if _order_of(trade) not in self._orders
        )

    def is_accounted(self, trade: Fill) -> bool:
        """Tell whether a trade of the account, ours or not, needs no more booking."""
        order = self._ledger.find_by_venue_id(trade.symbol, trade.venue_order_id)
        if order is not None:
            return trade.trade_id in order.booked_trades
        return _order_of(trade) in self._ours or self._ledger.has_external(trade)

    def meet(self, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Take a report of an order that is not ours."""
        order = report.symbol, report.venue_order_id
        effects: list[Effect] = []
        known = self._orders.pop(order, None)
        if known is None:
            seen = self._orders_by_symbol.get(report.symbol, 0)
            self._orders_by_symbol[report.symbol] = seen + 1
            effects.append(_order_seen(report))
        self._orders[order] = report if known is None else max(known, report, key=_rank)
        if self._orders[order].state in TERMINAL_STATES:
            self._open.pop(order, None)
        else:
            self._open[order] = None
        while len(self._orders) > EXTERNAL_ORDERS_KEPT:
            oldest = next(iter(self._orders))
            del self._orders[oldest]
            self._open.pop(oldest, None)
        trades = [] if report.fill is None else [report.fill]
        return effects + self.take(trades, now)

    def note_ours(self, report: ExecutionReport) -> None:
        """Take note of an order of ours that was settled so long ago that it is forgotten."""
        self._ours[report.symbol, report.venue_order_id] = None
        while len(self._ours) > EXTERNAL_ORDERS_KEPT:
            del self._ours[next(iter(self._ours))]

    def note_open(self, listed: Iterable[ExecutionReport], now: Nanos) -> None:
        """Take the venue's list of open orders: what it lacks has ended, unless it lags."""
        names = {(report.symbol, report.venue_order_id) for report in listed}
        for order in list(self._open):
            is_young = now - self._orders[order].received_at <= RECONCILE_ORDER_AGE
            if order not in names and not is_young:
                del self._open[order]

    def take(self, trades: Iterable[Fill], now: Nanos) -> list[Effect]:
        """Take trades of the account; book those that are known to be external."""
        for trade in trades:
            if not self.is_accounted(trade):
                self._waiting[external_name(trade)] = trade
        while len(self._waiting) > EXTERNAL_TRADES_KEPT:
            del self._waiting[next(iter(self._waiting))]
        return self.settle(now)

    def settle(self, now: Nanos) -> list[Effect]:
        """Book what waits and can be booked: nothing before the books are opened."""
        if not self._ledger.state.accounted_until:
            return []
        effects: list[Effect] = []
        for name, trade in list(self._waiting.items()):
            if self._is_ours(trade) or self.is_accounted(trade):
                del self._waiting[name]
            elif _order_of(trade) in self._orders:
                pair = self._pair_of(trade.symbol)
                if pair is None:
                    effects += self._ask_pair(trade.symbol)
                else:
                    del self._waiting[name]
                    effects += self._book(trade, pair, now)
        return effects

    def on_listing(
        self, asked: FetchInstruments, answer: ListingOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to a question for the assets of a symbol that this run does not trade.

        Where there is none, the next view of the account has it asked again. A symbol that is not
        listed any more is not asked about again: its trades explain nothing.
        """
        if isinstance(answer, NotListed):
            return []
        if isinstance(answer, NoAnswer):
            self._pairs_asked.difference_update(asked.symbols)
            return []
        self._pairs.update((listed.symbol, listed) for listed in answer)
        return self.settle(now)

    def _is_ours(self, trade: Fill) -> bool:
        return self._ledger.find_by_venue_id(trade.symbol, trade.venue_order_id) is not None

    def _pair_of(self, symbol: str) -> AssetPair | None:
        return self._catalogue.by_symbol(symbol) or self._pairs.get(symbol)

    def _ask_pair(self, symbol: str) -> list[Effect]:
        if symbol in self._pairs_asked:
            return []
        self._pairs_asked.add(symbol)
        return [FetchInstruments((symbol,))]

    def _book(self, trade: Fill, pair: AssetPair, now: Nanos) -> list[Effect]:
        fields: _Fields = {
            "symbol": trade.symbol,
            "side": trade.side.name,
            "quantity": text_from_fixed(trade.quantity),
            "price": text_from_fixed(trade.price),
            "trade_id": trade.trade_id,
        }
        entry = ExternalFillBooked(
            fill=trade, base_asset=pair.base_asset, quote_asset=pair.quote_asset, at=now
        )
        return [self._books.record(entry), Announce("external_fill_booked", fields)]


def _order_of(trade: Fill) -> _Order:
    return trade.symbol, trade.venue_order_id


def _rank(report: ExecutionReport) -> tuple[int, bool, Nanos, int]:
    """Order two reports of one order (`binance-spot.md` section 12.4).

    Filled quantity only grows and an end is final; else the venue's time decides, then the
    execution id, never the arrival: two connections may deliver the same stream.
    """
    is_end = report.state in TERMINAL_STATES
    return report.filled_quantity, is_end, report.event_at, report.execution_id


def _order_seen(report: ExecutionReport) -> Announce:
    fields: _Fields = {
        "client_order_id": report.client_order_id,
        "symbol": report.symbol,
        "side": report.side.name,
        "quantity": text_from_fixed(report.quantity),
    }
    return Announce("external_order_seen", fields)
