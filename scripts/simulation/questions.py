"""What the executor asks the venue, step by step as `engine.py` does, and what comes back."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, TypeVar

import msgspec

from genesis.domain.orders import ExecutionReport, Fill
from genesis.engine.effects import (
    CancelOrder,
    CancelOrderList,
    Effect,
    FetchInstruments,
    FetchTrades,
    QueryOrder,
    Reconcile,
    SearchTrades,
    SubmitOrder,
    SubmitOrderList,
    answer_behind_cancel,
)
from genesis.engine.execution import ExecutionCore
from genesis.engine.reconciliation import VenueView
from genesis.exchange.gateway import (
    CancelOutcome,
    ListCancelOutcome,
    ListSubmitOutcome,
    NoAnswer,
    NotSent,
    QueryOutcome,
    SubmitOutcome,
    Unknown,
)
from genesis.limits import READ_PATIENCE, READ_TIMEOUT, READ_TRIES
from genesis.units import Amount, Nanos
from scripts.simulation.clocks import EngineClockModel
from scripts.simulation.faults import SECOND, Faults, draw, happens
from scripts.simulation.protective_venue import ProtectiveVenue
from scripts.simulation.schedule import Schedule
from scripts.simulation.venue import AHEAD_MAX_MS, WINDOW_MS
from scripts.simulation.wire import Line

_T = TypeVar("_T")


class _Shown(msgspec.Struct):
    """The account as the venue shows it."""

    balances: dict[str, Amount]
    changed_at: Nanos


_Enact = Callable[[Sequence[Effect]], None]
_Part: TypeAlias = int | tuple[ExecutionReport, ...] | tuple[Fill, ...] | _Shown | NoAnswer

REPLY_TIMEOUT: Final[Nanos] = 2 * SECOND
_REFUSED: Final = NoAnswer("-1021: Timestamp is outside of the recvWindow.")
_FAILED: Final = NoAnswer("503")


class Questions:
    """The asking side of one process."""

    def __init__(
        self,
        *,
        core: ExecutionCore,
        venue: ProtectiveVenue,
        line: Line,
        clock: EngineClockModel,
        schedule: Schedule,
        chance: random.Random,
        faults: Faults,
        enact: _Enact,
    ) -> None:
        self._core = core
        self._venue = venue
        self._line = line
        self._clock = clock
        self._schedule = schedule
        self._chance = chance
        self._faults = faults
        self._enact = enact

    def submit(self, effect: SubmitOrder, then: Callable[[SubmitOutcome], None]) -> None:
        """Write an order to the socket."""
        intent = effect.order.intent
        place = partial(self._venue.place, intent, effect.timestamp_ms)
        lost: SubmitOutcome = Unknown("no reply")
        self._line.ask(
            place,
            lost=lost,
            unsent=NotSent("not connected"),
            timeout=REPLY_TIMEOUT,
            then=then,
        )

    def submit_list(
        self, effect: SubmitOrderList, then: Callable[[ListSubmitOutcome], None]
    ) -> None:
        """Write a list to the socket."""
        place = partial(self._venue.place_list, effect.order_list.intent, effect.timestamp_ms)
        lost: ListSubmitOutcome = Unknown("no reply")
        self._line.ask(
            place,
            lost=lost,
            unsent=NotSent("not connected"),
            timeout=REPLY_TIMEOUT,
            then=then,
        )

    def ask(self, effect: Effect) -> None:
        """Put the question of an effect."""
        match effect:
            case CancelOrderList():
                self._cancel_list(effect)
            case CancelOrder(client_order_id=name):
                self._cancel(name, partial(self._on_canceled, name))
            case QueryOrder():
                self._ask_time(partial(self._query, effect))
            case FetchTrades(symbol=symbol, venue_order_id=number):
                self._read(
                    lambda as_of: self._venue.trades_where(
                        lambda trade: (trade.symbol, trade.venue_order_id) == (symbol, number),
                        as_of,
                    ),
                    self._on_trades,
                )
            case Reconcile():
                self._ask_time(partial(self._view, effect))
            case FetchInstruments(symbols=symbols):
                self._read(
                    lambda _: self._venue.instruments(symbols),
                    lambda listing: self._enact(
                        self._core.on_listing(effect, listing, self._clock.now())
                    ),
                )
            case SearchTrades(symbol=symbol, since=since):
                self._insist(
                    lambda as_of: self._venue.trades_where(
                        lambda trade: trade.symbol == symbol and trade.traded_at >= since, as_of
                    ),
                    lambda trades: self._enact(
                        self._core.on_trades_found(effect, trades, self._clock.now())
                    ),
                    READ_TRIES,
                )
            case _:
                raise AssertionError(f"{effect} is no question")

    def _on_canceled(self, name: str, outcome: CancelOutcome) -> None:
        self._enact(self._core.on_cancel_outcome(name, outcome, self._clock.now()))

    def _on_trades(self, trades: tuple[Fill, ...] | NoAnswer) -> None:
        if not isinstance(trades, NoAnswer):
            self._enact(self._core.on_trades(trades, self._clock.now()))

    def _query(self, effect: QueryOrder, venue_ms: int | NoAnswer) -> None:
        name = effect.client_order_id

        def answered(found: QueryOutcome, canceled: CancelOutcome | None = None) -> None:
            if canceled is not None:
                found = answer_behind_cancel(canceled, found)
            self._enact(
                self._core.on_query_outcome(
                    name,
                    found,
                    venue_ms=0 if isinstance(venue_ms, NoAnswer) else venue_ms,
                    cancel_first=effect.cancel_first,
                    now=self._clock.now(),
                )
            )

        def look(canceled: CancelOutcome | None = None) -> None:
            self._read(
                lambda as_of: self._venue.query(name, as_of),
                lambda found: answered(found, canceled),
            )

        if isinstance(venue_ms, NoAnswer):
            answered(venue_ms)
        elif effect.cancel_first:
            self._cancel(name, look)
        else:
            look()

    def _view(self, asked: Reconcile, venue_ms: int | NoAnswer) -> None:
        """Fetch the parts of a view one after the other; one that is missing spoils it."""
        venue = self._venue
        steps: list[Callable[[Nanos], _Part]] = [venue.open_orders]
        steps += [partial(venue.orders_since, symbol, since) for symbol, since in asked.orders_from]
        steps += [
            partial(venue.trades_where, partial(_is_from, symbol, from_id))
            for symbol, from_id in asked.trades_from
        ]
        steps.append(lambda as_of: _Shown(*venue.balances_at(as_of)))
        parts: list[_Part] = []

        def proceed(part: _Part) -> None:
            if isinstance(part, NoAnswer):
                self._enact(self._core.on_venue_silent(0, self._clock.now()))
                return
            parts.append(part)
            if len(parts) <= len(steps):
                self._insist(steps[len(parts) - 1], proceed, READ_TRIES)
                return
            view = _assemble(parts, len(asked.orders_from))
            self._enact(self._core.on_venue_view(view, asked, self._clock.now()))

        proceed(venue_ms)

    def _insist(
        self, show: Callable[[Nanos], _T], then: Callable[[_T | NoAnswer], None], tries: int
    ) -> None:
        """Put a question again where no answer comes."""

        def take(answer: _T | NoAnswer) -> None:
            if isinstance(answer, NoAnswer) and tries > 1:
                self._insist(show, then, tries - 1)
            else:
                then(answer)

        self._read(show, take, READ_PATIENCE if tries > 1 else READ_TIMEOUT)

    def _cancel(self, name: str, then: Callable[[CancelOutcome], None]) -> None:
        def arrive(reply: Callable[[CancelOutcome], None]) -> None:
            if happens(self._chance, self._faults.server_error_share):
                if happens(self._chance, 0.5):
                    self._venue.cancel(name)
                reply(Unknown("503"))
                return
            reply(self._venue.cancel(name))

        lost: CancelOutcome = Unknown("no reply")
        self._line.ask(
            arrive,
            lost=lost,
            unsent=NotSent("not connected"),
            timeout=REPLY_TIMEOUT,
            then=then,
        )

    def _cancel_list(self, effect: CancelOrderList) -> None:
        def cancel() -> ListCancelOutcome:
            return self._venue.cancel_list(effect.list_client_order_id, effect.legs)

        def arrive(reply: Callable[[ListCancelOutcome], None]) -> None:
            if happens(self._chance, self._faults.server_error_share):
                if happens(self._chance, 0.5):
                    cancel()
                reply(Unknown("503"))
                return
            reply(cancel())

        def take(outcome: ListCancelOutcome) -> None:
            self._enact(self._core.on_list_cancel_outcome(effect, outcome, self._clock.now()))

        lost: ListCancelOutcome = Unknown("no reply")
        self._line.ask(
            arrive,
            lost=lost,
            unsent=NotSent("not connected"),
            timeout=REPLY_TIMEOUT,
            then=take,
        )

    def _ask_time(self, then: Callable[[int | NoAnswer], None]) -> None:
        def arrive(reply: Callable[[int | NoAnswer], None]) -> None:
            reply(self._venue.now_ms)

        lost: int | NoAnswer = NoAnswer("no reply")
        self._line.ask(
            arrive,
            lost=lost,
            unsent=NoAnswer("not connected"),
            timeout=REPLY_TIMEOUT,
            then=then,
        )

    def _read(
        self,
        show: Callable[[Nanos], _T],
        then: Callable[[_T | NoAnswer], None],
        timeout: Nanos = REPLY_TIMEOUT,
    ) -> None:
        """Send a signed read; what it shows may lag behind the matching engine."""
        timestamp_ms = self._line.estimate.now_ms()

        def arrive(reply: Callable[[_T | NoAnswer], None]) -> None:
            now_ms = self._venue.now_ms
            if not now_ms - WINDOW_MS <= timestamp_ms < now_ms + AHEAD_MAX_MS:
                reply(_REFUSED)
            elif happens(self._chance, self._faults.server_error_share):
                reply(_FAILED)
            else:
                lag = 0
                if happens(self._chance, self._faults.lag_share):
                    lag = draw(self._chance, self._faults.lag_max)
                reply(show(self._schedule.now - lag))

        lost: _T | NoAnswer = NoAnswer("no reply")
        self._line.ask(
            arrive,
            lost=lost,
            unsent=NoAnswer("not connected"),
            timeout=timeout,
            then=then,
        )


def _is_from(symbol: str, from_id: int, trade: Fill) -> bool:
    return trade.symbol == symbol and trade.trade_id >= from_id


def _assemble(parts: list[_Part], lists: int) -> VenueView:
    """Make a view of its parts: time, open orders, lists of orders, lists of trades, balances."""
    venue_ms, shown = parts[0], parts[-1]
    assert isinstance(venue_ms, int)
    assert isinstance(shown, _Shown)
    reports = [_reports(part) for part in parts[1 : 2 + lists]]
    trades = [_fills(part) for part in parts[2 + lists : -1]]
    return VenueView(
        venue_ms=venue_ms,
        open_orders=reports[0],
        orders=tuple(report for listed in reports[1:] for report in listed),
        trades=tuple(trade for listed in trades for trade in listed),
        balances=shown.balances,
        balances_at=shown.changed_at,
    )


def _reports(part: _Part) -> tuple[ExecutionReport, ...]:
    assert isinstance(part, tuple)
    return tuple(report for report in part if isinstance(report, ExecutionReport))


def _fills(part: _Part) -> tuple[Fill, ...]:
    assert isinstance(part, tuple)
    return tuple(fill for fill in part if isinstance(fill, Fill))
