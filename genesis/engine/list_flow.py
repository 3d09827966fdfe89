"""A stop and its target as one list: journaled and sent together, followed leg by leg.

The venue takes both legs or neither, and each leg is an order of the ledger. What an answer to the
list says is told to the order flow for each leg; whatever it leaves open about a leg is asked of
the leg, as of any order in doubt.
"""

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.order_ids import LEG_STOP, LEG_TARGET
from genesis.domain.order_lists import OrderListIntent
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import CancelOrderList, Effect, SubmitOrderList
from genesis.engine.entries import OrderPrepared, SignalId
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.order_flow import OrderFlow, OrderRules
from genesis.engine.risk_engine import ApprovedOrderList
from genesis.exchange.gateway import (
    Accepted,
    ListAccepted,
    ListCancelOutcome,
    ListSubmitOutcome,
)
from genesis.units import Nanos


class ListFlow:
    """Every list from its approval to the end of its legs."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        books: Bookkeeper,
        flow: OrderFlow,
        rules: OrderRules,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._books = books
        self._flow = flow
        self._rules = rules

    def submit(
        self, approved: ApprovedOrderList, *, signal: SignalId, venue_ms: int, now: Nanos
    ) -> list[Effect]:
        """Journal both legs in one group, then send them as one request."""
        instrument = self._catalogue[approved.intent.stop.instrument_id]
        entries = [
            OrderPrepared(
                signal=signal,
                attempt=1,
                intent=intent,
                base_asset=instrument.base_asset,
                quote_asset=instrument.quote_asset,
                timestamp_ms=venue_ms,
                receive_window_ms=self._rules.receive_window_ms,
                signal_at=now,
                at=now,
                leg=leg,
                order_list=approved.intent.list_client_order_id,
                step_size=instrument.step_size,
            )
            for leg, intent in zip((LEG_STOP, LEG_TARGET), approved.intent.legs, strict=True)
        ]
        return [
            self._books.record(*entries),
            SubmitOrderList(
                order_list=approved,
                timestamp_ms=venue_ms,
                receive_window_ms=self._rules.receive_window_ms,
                send_before=now + self._rules.send_age_max,
            ),
        ]

    def on_submit_outcome(
        self, intent: OrderListIntent, outcome: ListSubmitOutcome, now: Nanos
    ) -> list[Effect]:
        """Act on the answer to a placement, or on its absence."""
        legs = [leg.client_order_id for leg in intent.legs]
        if isinstance(outcome, ListAccepted):
            return self._take_legs(legs, outcome, now)
        return [
            effect for leg in legs for effect in self._flow.on_submit_outcome(leg, outcome, now)
        ]

    def cancel(self, order_list: str, legs: list[Order], now: Nanos) -> list[Effect]:
        """Ask the venue to cancel the legs of a list, and ask again until they have ended."""
        effects: list[Effect] = [
            CancelOrderList(
                legs[0].intent.symbol,
                order_list,
                tuple(leg.intent.client_order_id for leg in legs),
            )
        ]
        for leg in legs:
            self._flow.repeat_cancel(leg, now)
            effects += self._flow.note_cancel(leg, now)
        return effects

    def on_cancel_outcome(
        self, asked: CancelOrderList, outcome: ListCancelOutcome, now: Nanos
    ) -> list[Effect]:
        """Act on the answer to a cancel; whatever is not a clear yes is a reason to look."""
        if isinstance(outcome, ListAccepted):
            return self._take_legs(asked.legs, outcome, now)
        return [
            effect
            for leg in asked.legs
            for effect in self._flow.on_cancel_outcome(leg, outcome, now)
        ]

    def _take_legs(
        self, legs: list[str] | tuple[str, ...], accepted: ListAccepted, now: Nanos
    ) -> list[Effect]:
        """Fold in what the venue says of each leg; one that it leaves out is asked about."""
        effects: list[Effect] = []
        reports = {report.client_order_id: report for report in accepted.report.reports}
        for leg in legs:
            report = reports.get(leg)
            if report is None:
                order = self._ledger.find_order(leg)
                assert order is not None, "outcomes come only for legs that were submitted"
                self._flow.look_up(order, now)
                continue
            fills = tuple(fill for fill in accepted.fills if fill.client_order_id == leg)
            effects += self._flow.on_submit_outcome(leg, Accepted(report, fills), now)
        return effects
