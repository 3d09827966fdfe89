"""The watch over the account: what the venue shows of it, folded into our books and compared. Pure.

It asks for views of the account, takes in what they hold that our books lack (reports, trades,
orders of ours, trades of others, transfers, trading rules) and compares the rest. What follows from
a difference, or from agreement, is for whoever owns the engine's state to decide.
"""

from collections.abc import Sequence

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import Fill
from genesis.engine.adoption import Adoption
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.comparison import BooksComparison
from genesis.engine.effects import Announce, Effect, FetchInstruments, Reconcile, SearchTrades
from genesis.engine.entries import BalanceOpened, TransferBooked
from genesis.engine.external import ExternalActivity
from genesis.engine.ledger import Ledger
from genesis.engine.listing import ListingWatch
from genesis.engine.order_flow import OrderFlow
from genesis.engine.reconciliation import (
    TradeCursor,
    VenueView,
    missing_fills,
    orders_to_query,
)
from genesis.engine.timers import TimerKind, Timers
from genesis.exchange.gateway import ListingOutcome, NoAnswer, NotListed
from genesis.limits import RECONCILE_CONFIRM, RECONCILE_PERIOD
from genesis.units import NANOS_PER_MS, Amount, Nanos, text_from_fixed


class AccountWatch:
    """Keeps our books complete. Each method returns the effects of what it took in."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        timers: Timers,
        books: Bookkeeper,
        cursor: TradeCursor,
        external: ExternalActivity,
        comparison: BooksComparison,
        adoption: Adoption,
        listing: ListingWatch,
        flow: OrderFlow,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._timers = timers
        self._books = books
        self._cursor = cursor
        self._external = external
        self._comparison = comparison
        self._adoption = adoption
        self._listing = listing
        self._flow = flow

    @property
    def is_catching_up(self) -> bool:
        """Tell whether our books may still lack orders: they are not compared before."""
        return self._adoption.is_catching_up

    def begin(self) -> None:
        """Find out, with the first view, what a journal that lost its end does not hold."""
        self._adoption.begin()

    def ask(self, now: Nanos) -> Reconcile:
        """Ask for a full view of the account, now and again after a while."""
        self._timers.set(now + RECONCILE_PERIOD, TimerKind.RECONCILE, "")
        return Reconcile(
            trades_from=self._cursor.questions(),
            orders_from=self._adoption.questions,
            movements=self._ledger.movements,
        )

    def ask_again(self, not_before: Nanos, now: Nanos) -> None:
        """Ask soon, since the venue did not answer, but not before a time."""
        self._timers.set(max(now + RECONCILE_CONFIRM, not_before), TimerKind.RECONCILE, "")

    def take_view(self, view: VenueView, asked: Reconcile, now: Nanos) -> list[Effect]:
        """Take in whatever a view holds that our books lack. `asked` is what it answers.

        The first view of an account opens its balances.
        """
        effects = self._take_orders(view, asked, now)
        effects += self.take_trades(view.trades, now)
        for order, at in orders_to_query(self._ledger, view.open_orders, now):
            self._flow.look_up(order, at)
        if any(self._listing.lists(symbol) for symbol in view.unlisted):
            self._listing.doubt(now)
        self._external.note_open(view.open_orders, now)
        effects += self._external.take(view.trades, now)
        self._cursor.advance(view.trades, self._external.is_accounted)
        self._adoption.meet_trades(
            self._external.unclassified, were_orders_listed=bool(asked.orders_from)
        )
        wait_ms = self._adoption.wait_ms(view.venue_ms)
        if self._adoption.is_wanted and (wait_ms or not asked.orders_from):
            self._timers.set(now + wait_ms * NANOS_PER_MS, TimerKind.RECONCILE, "")
        if self._adoption.is_catching_up:
            return effects
        if not self._ledger.state.opening_balances:
            opened = [
                BalanceOpened(asset, view.balances[asset], now, view.balances_at)
                for asset in sorted(view.balances)
            ]
            effects.append(self._books.record(*opened))
        return effects + self._external.settle(now)

    def take_trades(self, trades: Sequence[Fill], now: Nanos) -> list[Effect]:
        """Book those of our trades that were missing."""
        effects: list[Effect] = []
        for order, fill in missing_fills(self._ledger, trades):
            effects += self._books.book_fill(order, fill, now)
        return effects

    def take_found_trades(
        self, asked: SearchTrades, answer: tuple[Fill, ...] | NotListed | NoAnswer, now: Nanos
    ) -> list[Effect]:
        """Take the trades that may explain a difference; whose they are may have to be asked."""
        trades = self._comparison.on_found(asked, answer)
        effects = self.take_trades(trades, now) + self._external.take(trades, now)
        self._adoption.meet_trades(self._external.unclassified, were_orders_listed=False)
        if trades:
            self._timers.set(now, TimerKind.RECONCILE, "")
        return effects

    def take_transfer(
        self, asset: str, amount: Amount, *, cleared_at: Nanos, now: Nanos
    ) -> list[Effect]:
        """Book a deposit or withdrawal, once however often it is announced."""
        transfer = TransferBooked(asset=asset, amount=amount, at=now, cleared_at=cleared_at)
        if self._ledger.knows_transfer(transfer):
            return []
        return [
            self._books.record(transfer),
            Announce("transfer_booked", {"asset": asset, "amount": text_from_fixed(amount)}),
        ]

    def take_listing(
        self, asked: FetchInstruments, answer: ListingOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the rules of instruments as the venue lists them now, ours or another's."""
        if self._catalogue.by_symbol(asked.symbols[0]) is not None:
            return self._listing.on_listing(asked, answer, now)
        return self._external.on_listing(asked, answer, now)

    def _take_orders(self, view: VenueView, asked: Reconcile, now: Nanos) -> list[Effect]:
        """Fold in what the venue lists of orders, and adopt those of ours that the journal lacks.

        A list that was read before the fence of a start is read again behind it.
        """
        effects: list[Effect] = []
        for report in view.open_orders:
            effects += self._flow.on_execution_report(report, now)
        if not asked.orders_from or self._adoption.wait_ms(view.venue_ms):
            return effects
        effects += self._adoption.adopt(view.orders, asked.orders_from, now)
        for report in view.orders:
            order = self._ledger.order_of(report)
            if order is not None:
                effects += self._flow.on_execution_report(report, now)
                effects += self._flow.take_up(order, now)
        return effects
