"""Taking in orders that carry our own name but are not in the journal.

There are some after a power cut that took the journal's unsynced tail with it, or when an old copy
of the journal was put back. Which ones, only the venue's own list of orders tells: so a sign of one
(or the machine's unclean end itself) asks for that list, and all that it shows are adopted in one
group, in the order of their names. A journal thus never holds an order without those before it.

After an unclean end nothing is traded until the list is read, and the list is read behind a time
fence of its own: a request of the dead executor may still be under way.
"""

from collections.abc import Sequence
from typing import Final

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.order_ids import OrderIdParts, decode_order_id, order_list_ids
from genesis.domain.orders import (
    NO_ORDER_LIST,
    ExecutionReport,
    Fill,
    OrderIntent,
    OrderType,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect
from genesis.engine.entries import (
    EntriesCompleted,
    EntriesMissed,
    OrderPrepared,
    SignalId,
    TradingHalted,
)
from genesis.engine.external import ExternalActivity
from genesis.engine.ledger import Ledger
from genesis.engine.order_flow import OrderRules
from genesis.engine.teller import Teller
from genesis.limits import JOURNAL_SLACK, VENUE_CLOCK_ERROR_MAX_MS
from genesis.units import NANOS_PER_MS, Nanos

_REACH: Final = 3  # each list in vain reaches eight times as far back as the one before,
_REACH_MAX: Final = 12  # up to eleven years


class Adoption:
    """What the journal may lack, since when, and the orders that turned out to be missing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        teller: Teller,
        books: Bookkeeper,
        external: ExternalActivity,
        rules: OrderRules,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._teller = teller
        self._books = books
        self._external = external
        self._rules = rules
        self._since: dict[str, Nanos] = {}
        self._lists_in_vain = 0
        self._fence_ms: int | None = None
        self._is_catching_up = False
        self._strangers: set[str] = set()

    @property
    def is_catching_up(self) -> bool:
        """Tell whether the journal may lack its end, so that nothing may be traded yet."""
        return self._is_catching_up

    @property
    def is_wanted(self) -> bool:
        """Tell whether the venue's list of orders is wanted."""
        return bool(self._since)

    @property
    def questions(self) -> tuple[tuple[str, Nanos], ...]:
        """Return the symbols whose orders are wanted, each with the time to list them from.

        At a start after an unclean end, that is none before the fence is known.
        """
        if self._is_catching_up and self._fence_ms is None:
            return ()
        return tuple(self._since.items())

    def begin(self) -> None:
        """Take up, at a start, what the journal says of its own gaps."""
        since = self._ledger.state.incomplete_since
        if since is not None:
            self._is_catching_up = True
            for instrument in self._catalogue:
                self._want(instrument.symbol, since)

    def wait_ms(self, venue_ms: int) -> int:
        """Return how long the fence still stands at a time read from the venue; 0 behind it.

        The first time read after a start sets the fence. What the dead executor signed may carry a
        time ahead of the venue's, by as much as its estimate of that clock was wrong.
        """
        if not self._is_catching_up:
            return 0
        if self._fence_ms is None:
            self._fence_ms = (
                venue_ms
                + VENUE_CLOCK_ERROR_MAX_MS
                + self._rules.receive_window_ms
                + self._rules.fence_margin_ms
            )
        return max(0, self._fence_ms + 1 - venue_ms)

    def meet(self, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Take a report of an order that the ledger does not know.

        One of ours that the journal ought to hold stops its strategy: what it believes to hold is
        wrong until the order is adopted, and somebody should know why it was missing.
        """
        client_order_id = report.client_order_id
        name = self._own_name(report)
        if name is None:
            return self._external.meet(report, now)
        if self._ledger.has_held(name):
            return [Announce("report_came_late", {"client_order_id": client_order_id})]
        if self._is_catching_up or client_order_id in self._strangers:
            return []
        self._strangers.add(client_order_id)
        for instrument in self._catalogue:
            self._want(instrument.symbol, report.event_at)
        missed = EntriesMissed(report.event_at, now)
        strategy_id = self._teller.strategy_id(name.strategy_number)
        reason = f"{client_order_id} is not in the journal"
        halted = TradingHalted(reason=reason, strategy_id=strategy_id, at=now)
        return [
            self._books.record(missed, halted),
            Announce("order_missing", {"client_order_id": client_order_id}, severity="error"),
        ]

    def meet_trades(self, trades: Sequence[Fill], *, were_orders_listed: bool) -> None:
        """Take trades of the account that may be anybody's.

        Where an order of the symbol is in flight they may be its own, and its answer will tell.
        Otherwise they are of a foreign order or of one the journal lacks: the list of orders tells.
        An order may have rested long before it traded, so each list in vain reaches further back.
        """
        self._lists_in_vain = self._lists_in_vain + were_orders_listed if trades else 0
        slack = JOURNAL_SLACK << min(_REACH * self._lists_in_vain, _REACH_MAX)
        live = self._ledger.unsettled()
        in_flight = {order.intent.symbol for order in live if not order.venue_order_id}
        for trade in trades:
            if trade.symbol not in in_flight:
                self._want(trade.symbol, trade.traded_at, slack)

    def adopt(
        self,
        orders: Sequence[ExecutionReport],
        asked: Sequence[tuple[str, Nanos]],
        now: Nanos,
    ) -> list[Effect]:
        """Take in what the venue's lists of orders have and the journal lacks, in order of names.

        `asked` are the questions that the lists answer.
        """
        missing: dict[OrderIdParts, ExecutionReport] = {}
        effects: list[Effect] = []
        for report in orders:
            if self._ledger.order_of(report) is not None:
                continue
            name = self._own_name(report)
            if name is None:
                effects += self._external.meet(report, now)
            elif not self._ledger.has_held(name):
                missing[name] = report
            else:
                self._external.note_ours(report)  # settled so long ago that it is forgotten
        for name in sorted(missing, key=_place):
            effects += self._take_in(name, missing[name], now)
        for symbol, since in asked:
            if self._since.get(symbol) == since:
                del self._since[symbol]
        return effects if self._since else effects + self._complete(now)

    def _complete(self, now: Nanos) -> list[Effect]:
        """Take note that the journal lacks nothing any more."""
        self._is_catching_up = False
        self._strangers.clear()
        if self._ledger.state.incomplete_since is None:
            return []
        return [self._books.record(EntriesCompleted(now))]

    def _want(self, symbol: str, since: Nanos, slack: Nanos = JOURNAL_SLACK) -> None:
        since = max(0, since - slack)
        self._since[symbol] = min(since, self._since.get(symbol, since))

    def _own_name(self, report: ExecutionReport) -> OrderIdParts | None:
        """Return the name of an order of ours; one that has taken another's id is not ours."""
        if self._ledger.find_order(report.client_order_id) is not None:
            return None
        name = decode_order_id(report.client_order_id)
        return name if name is not None and name.account == self._rules.account_tag else None

    def _take_in(self, name: OrderIdParts, report: ExecutionReport, now: Nanos) -> list[Effect]:
        instrument = self._catalogue.by_symbol(report.symbol)
        if instrument is None:  # listed because somebody traded there; this run does not
            fields: dict[str, str | int | float] = {
                "client_order_id": report.client_order_id,
                "symbol": report.symbol,
            }
            return [Announce("order_not_adopted", fields, "error")]
        strategy_id = self._teller.strategy_id(name.strategy_number)
        entry = OrderPrepared(
            signal=SignalId(name.strategy_number, name.epoch, name.sequence),
            attempt=name.attempt,
            intent=_intent_of(report, strategy_id, instrument.instrument_id, now),
            leg=name.leg,
            order_list=_order_list_of(name, report),
            base_asset=instrument.base_asset,
            quote_asset=instrument.quote_asset,
            timestamp_ms=report.event_at // NANOS_PER_MS,
            receive_window_ms=self._rules.receive_window_ms,
            signal_at=now,
            at=now,
            step_size=instrument.step_size,
        )
        return [
            self._books.record(entry),
            Announce(
                "order_adopted",
                {"client_order_id": report.client_order_id, "strategy": strategy_id},
                severity="warning",
            ),
        ]


def _place(name: OrderIdParts) -> tuple[int, int, int, int, int]:
    return name.strategy_number, name.epoch, name.sequence, name.attempt, name.leg


def _intent_of(
    report: ExecutionReport, strategy_id: str, instrument_id: int, now: Nanos
) -> OrderIntent:
    """Rebuild the intent of an order from what the venue says of it.

    What only our journal could know (stop, target, the price it was sized at) is left at 0, and its
    time is over: if it still works, it is canceled. What protects a position stays.
    """
    return OrderIntent(
        client_order_id=report.client_order_id,
        strategy_id=strategy_id,
        symbol=report.symbol,
        instrument_id=instrument_id,
        side=report.side,
        action=SignalAction.ENTER if report.side is Side.BUY else SignalAction.EXIT,
        order_type=_type_of(report),
        time_in_force=TimeInForce.GTC,
        quantity=report.quantity,
        limit_price=report.limit_price,
        reference_price=report.limit_price,
        stop_price=0,
        target_price=0,
        expires_at=now,
        trigger_price=report.trigger_price,
    )


def _type_of(report: ExecutionReport) -> OrderType:
    if report.order_type is not None:
        return report.order_type
    return OrderType.LIMIT if report.limit_price else OrderType.MARKET


def _order_list_of(name: OrderIdParts, report: ExecutionReport) -> str:
    """Return the id of the list that a leg of our protection belongs to, if to any."""
    if not name.leg or report.venue_list_id == NO_ORDER_LIST:
        return ""
    return order_list_ids(name).order_list
