"""What the stages look at, gathered from the ledger and the market for each signal."""

from collections.abc import Mapping
from typing import Final

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import OrderIntent, OrderState, OrderType, Side
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.pace import Pace
from genesis.engine.signals.case import SignalContext
from genesis.engine.signals.volatility import Volatility
from genesis.engine.slicing.claims import claims
from genesis.engine.valuation import Valuation
from genesis.units import Amount, Nanos, Price, Quantity

_RESTING: Final = frozenset(
    {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL}
)
_PRICED: Final = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})


class Working(msgspec.Struct, frozen=True):
    """The quantities that one strategy has working in one instrument."""

    entry: Quantity
    exit: Quantity


class SignalFacts:
    """Gathers contexts. It remembers how fast signals come and how much the market moves."""

    def __init__(self, ledger: Ledger, valuation: Valuation) -> None:
        self._ledger = ledger
        self._valuation = valuation
        self._volatility = Volatility()
        self._paces: dict[str, Pace] = {}

    def learn(self, quotes: Mapping[int, Quote], now: Nanos) -> None:
        """Take the market's present quotes."""
        self._volatility.learn(quotes, now)

    def context(
        self,
        strategy_id: str,
        instrument: Instrument,
        quote: Quote | None,
        *,
        is_judged: bool,
        entry_max: Amount | None,
        now: Nanos,
    ) -> SignalContext:
        """Count a signal, if it is a new one, and return what it is judged by."""
        pace = self._paces.get(strategy_id)
        if pace is None:
            pace = self._paces[strategy_id] = Pace()
        if not is_judged:
            pace.note(now)
        working = self.working(strategy_id, instrument.symbol)
        waiting = self._ledger.protection.waiting_exit(strategy_id, instrument.symbol)
        state = self._ledger.state
        return SignalContext(
            strategy_id=strategy_id,
            instrument=instrument,
            quote=quote,
            equity=self._valuation.equity,
            held=self._ledger.position(strategy_id, instrument.symbol).quantity,
            working_entry=working.entry,
            working_exit=working.exit + (waiting.intent.quantity if waiting else 0),
            sale_of_others=self._sale_of_others(strategy_id, instrument.symbol),
            is_judged=is_judged,
            signals_in_last_second=pace.in_last_second(now),
            halt_reason=state.halt_reason or state.halted_strategies.get(strategy_id, ""),
            record=self._ledger.record_of(strategy_id),
            volatility_ppm=self._volatility.hourly_ppm(instrument.instrument_id),
            entry_max=entry_max,
        )

    def working(
        self,
        strategy_id: str,
        symbol: str,
        judged: OrderIntent | None = None,
        *,
        with_claims: bool = True,
    ) -> Working:
        """Return what a strategy has working in one instrument.

        What its parent has yet to place is a part of it, beside `judged` if that is a child; but
        not for protection, which lets go of the lots when the parent wants them.
        """
        entry = exit_ = 0
        for order in self._ledger.state.live_orders.values():
            intent = order.intent
            if intent.symbol == symbol and intent.strategy_id == strategy_id:
                if intent.side is Side.BUY:
                    entry += order.working_quantity
                else:
                    exit_ += order.working_quantity
        for claim in claims(self._ledger.state, judged) if with_claims else ():
            if claim.is_of(strategy_id, symbol):
                entry += claim.entry
                exit_ += claim.exit
        return Working(entry, exit_)

    def _sale_of_others(self, strategy_id: str, symbol: str) -> Price | None:
        """Return the lowest price at which others sell in the book, protection's targets too."""
        lowest = None
        ledger = self._ledger
        for orders in (
            ledger.state.live_orders.values(),
            ledger.protection.orders_of_others(strategy_id, symbol),
        ):
            for order in orders:
                intent = order.intent
                if (
                    intent.symbol == symbol
                    and intent.side is Side.SELL
                    and intent.strategy_id != strategy_id
                    and _rests(order)
                    and (lowest is None or intent.limit_price < lowest)
                ):
                    lowest = intent.limit_price
        return lowest


def _rests(order: Order) -> bool:
    """Tell whether an order is known to wait in the book at its limit price."""
    return order.state in _RESTING and order.intent.order_type in _PRICED
