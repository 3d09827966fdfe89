"""One comparison of the venue's balances with ours after the other, and what each leads to.

Balances that agree are written down as agreed, so that later questions need not reach further back.
A difference that is read twice has the venue asked for trades that would explain it: the account's
owner may have traded where we do not, or while we were away. What nothing explains, and stands,
is a reason to halt.
"""

from collections.abc import Iterator
from itertools import islice, permutations

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.orders import Fill
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Effect, Reconcile, SearchTrades
from genesis.engine.entries import BooksAgreed, TransferBooked
from genesis.engine.external import ExternalActivity
from genesis.engine.ledger import Ledger
from genesis.engine.reconciliation import (
    BalanceDifference,
    BalanceWatch,
    VenueView,
    gaps,
    is_settled,
)
from genesis.engine.sub_ledgers import differences
from genesis.engine.timers import TimerKind, Timers
from genesis.exchange.gateway import NoAnswer, NotListed
from genesis.limits import (
    BOOKS_AGREED_PERIOD,
    EXTERNAL_PATIENCE,
    EXTERNAL_SEARCH_ASSETS_MAX,
    EXTERNAL_SEARCH_SYMBOLS_MAX,
)
from genesis.units import Amount, Nanos, text_from_fixed


class BooksComparison:
    """Compares, view by view; `differences` and `equal` are those of the last comparison."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        external: ExternalActivity,
        books: Bookkeeper,
        timers: Timers,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._external = external
        self._books = books
        self._timers = timers
        self._watch = BalanceWatch(ledger)
        self._agreed_at: Nanos = 0
        self._movements = 0
        self._patience: Nanos = 0
        self._sought: list[tuple[str, Amount]] = []
        self._sought_at: Nanos = 0
        self._is_unanswered = False
        self._searching: set[str] = set()

    @property
    def is_searching(self) -> bool:
        """Tell whether trades are still looked for that would explain a difference."""
        return bool(self._searching) or self._external.waits

    @property
    def equal(self) -> bool | None:
        """Return whether balances agreed when last compared, None while nothing can be said."""
        return self._watch.equal

    @property
    def differences(self) -> tuple[BalanceDifference, ...]:
        """Return where balances differed when last compared."""
        return self._watch.differences

    def compare(
        self, view: VenueView, asked: Reconcile, now: Nanos, patience: Nanos
    ) -> list[Effect]:
        """Take one view, the answer to `asked`.

        A difference is a `reason_to_halt` when it has stood for `patience`: lists lag. Ours are
        held against our own sub-ledgers first: what they differ by, no venue can explain.
        """
        assert not differences(self._ledger.state), "the sub-ledgers are the account"
        has_moved = self._ledger.movements != asked.movements
        is_quiet = not has_moved and is_settled(self._ledger, view.open_orders)
        self._watch.compare(view, is_settled=is_quiet, now=now)
        self._timers.set(now + self._watch.next_reading, TimerKind.RECONCILE, "")
        self._movements, self._patience = self._ledger.movements, patience
        if not is_quiet:
            return []
        if self._watch.equal:
            self._sought = []
            return self._agree(view, now)
        return self._search(now) if self._watch.is_confirmed else []

    def reason_to_halt(self, now: Nanos) -> str | None:
        """Return what is wrong, once it has stood for long enough and a search explains nothing.

        A search that does not come to an end must not keep a real difference from anybody. What the
        ledger has taken in since the comparison may be the explanation: the next one tells.
        """
        if not self.stands(now):
            return None
        if self.is_searching and now - max(self._watch.since, self._sought_at) < EXTERNAL_PATIENCE:
            return None
        worst = self.differences[0]
        return (
            f"balances differ: {worst.asset} ours {text_from_fixed(worst.ours)}, "
            f"venue {text_from_fixed(worst.venue)}"
        )

    def on_found(
        self, asked: SearchTrades, answer: tuple[Fill, ...] | NotListed | NoAnswer
    ) -> tuple[Fill, ...]:
        """Take the answer to a search, and return what it has found."""
        self._searching.discard(asked.symbol)
        if isinstance(answer, NoAnswer):
            self._is_unanswered = True  # to be asked again, should the difference still stand
            return ()
        return () if isinstance(answer, NotListed) else answer

    def stands(self, now: Nanos) -> bool:
        """Tell whether a difference has stood for so long that no lagging list explains it."""
        is_present = self._watch.equal is False and self._ledger.movements == self._movements
        return is_present and now - self._watch.since >= self._patience

    def accept(self, now: Nanos) -> list[TransferBooked]:
        """Return what makes the balances as last compared right, whatever moved them.

        Nothing where no difference stands: one of a moment ago would be wrong when it is over.
        """
        if not self.stands(now):
            return []
        transfers = [
            TransferBooked(
                asset=difference.asset,
                amount=difference.venue - difference.ours,
                at=now,
                balances_at=self._watch.balances_at,
            )
            for difference in self.differences
        ]
        self._watch.forget()
        return transfers

    def _agree(self, view: VenueView, now: Nanos) -> list[Effect]:
        """Write down that all is in the books up to the account's last change, now and then."""
        is_news = view.balances_at > self._ledger.state.accounted_until
        if not is_news or now - self._agreed_at < BOOKS_AGREED_PERIOD:
            return []
        self._agreed_at = now
        return [self._books.record(BooksAgreed(view.balances_at, now))]

    def _search(self, now: Nanos) -> list[Effect]:
        """Ask for the trades that would explain the difference: once, if it is answered."""
        sought = gaps(self.differences)
        if sought != self._sought:
            self._sought, self._sought_at = sought, now
        elif not self._is_unanswered:
            return []
        self._is_unanswered = False
        assets = {difference.asset for difference in self.differences}
        symbols = islice(dict.fromkeys(self._suspects(assets)), EXTERNAL_SEARCH_SYMBOLS_MAX)
        since = self._ledger.state.accounted_until
        searches = [SearchTrades(symbol, since) for symbol in symbols]
        self._searching = {search.symbol for search in searches}
        return [*searches]

    def _suspects(self, assets: set[str]) -> Iterator[str]:
        """Name the symbols where a trade would have moved these assets, the likeliest first.

        The venue lists more symbols than we know of; most are their two assets put together, and
        one that does not exist costs a question.
        """
        yield from (each.symbol for each in self._catalogue if _touches(each, assets) > 1)
        yield from (order.symbol for order in reversed(self._external.orders))
        if len(assets) <= EXTERNAL_SEARCH_ASSETS_MAX:
            yield from map("".join, permutations(sorted(assets), 2))
        yield from (each.symbol for each in self._catalogue if _touches(each, assets) == 1)


def _touches(instrument: Instrument, assets: set[str]) -> int:
    """Count the assets that a trade of an instrument would move, other than by its fee."""
    return (instrument.base_asset in assets) + (instrument.quote_asset in assets)
