"""The watch over risk between judgements: losses, crashes, correlations, the age of marks. Pure.

What a judgement need not find out by itself is found out here, at the pace of the market's marks,
and kept for it. What must survive a restart is journaled: how much losses have left, and pauses.
"""

from collections.abc import Callable, Mapping, Set
from typing import Final, Literal, Protocol

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import RefusalRule
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.correlation import Correlations
from genesis.engine.effects import Announce, Effect
from genesis.engine.entries import EntriesPaused, Entry, RiskMoved, TradingHalted
from genesis.engine.flash_crash import FlashCrashGuard
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.pauses import Pauses
from genesis.engine.risk_facts import RiskLimits, is_reduction
from genesis.engine.risk_state import LossFacts, Pause, RiskState, cause_of, next_standing
from genesis.engine.valuation import Valuation, day_of
from genesis.limits import CORRELATION_PAIRS, EQUITY_MARK_PERIOD, PAUSES_SHOWN_MAX
from genesis.status import RiskSummary
from genesis.units import NANOS_PER_SECOND, Nanos, text_from_fixed

Cancel = Callable[[Order, Nanos], list[Effect]]


class Halt(Protocol):
    """Stops all entries, durably; `must_liquidate`: what is held has to be sold, too."""

    def __call__(self, reason: str, now: Nanos, *, must_liquidate: bool = False) -> list[Effect]:
        """Halt, and return what follows from it."""
        ...


class RiskWatch:
    """Quotes go in; what the rules ask for, and the effects of what has changed, come out.

    `cancel` asks the venue to cancel an order, until it has ended.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        valuation: Valuation,
        books: Bookkeeper,
        limits: RiskLimits,
        cancel: Cancel,
        halt: Halt,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._valuation = valuation
        self._books = books
        self._limits = limits
        self._cancel = cancel
        self._halt = halt
        self._flash = FlashCrashGuard(limits.flash_crash)
        self._correlations = Correlations(limits.correlation)
        self._pauses = Pauses(ledger, limits.pauses)
        self._told_until: dict[str, Nanos] = {}
        self._oldest_mark: Nanos | None = None
        self._marked_at: Nanos = 0
        self._written_at: Nanos = 0

    def mark_age(self, now: Nanos) -> Nanos | None:
        """Return the age of the oldest price that something held is valued at; None if nothing is.

        Symbols that are suspended or not traded in this run have no price to wait for.
        """
        return None if self._oldest_mark is None else now - self._oldest_mark

    def apart_from(self, symbol: str) -> Set[str]:
        """Return the instruments that are known not to move together with this one."""
        return self._correlations.apart_from(symbol)

    def observe(self, symbol: str, quote: Quote | None, now: Nanos) -> int:
        """Look at a price; return how far it has fallen within the guard's window, in basis points.

        A quote that is too old says nothing, and is refused for that.
        """
        if quote is None or now - quote.received_at > self._limits.data_age_max:
            return 0
        return self._flash.observe(symbol, (quote.bid_price + quote.ask_price) // 2, now)

    def pause_of(self, strategy_id: str, symbol: str, now: Nanos) -> Pause | None:
        """Return why a strategy may not buy an instrument for a while; None if it may."""
        pause = self._ledger.state.pauses.get(symbol)
        if pause is not None and pause.until > now:
            return pause
        return self._pauses.standing(strategy_id, symbol, now)

    def summarize(self) -> RiskSummary:
        """Return how risk stands, for a person to read."""
        state, facts = self._ledger.state, self._losses()
        now = self._marked_at
        standing = [each for each in state.pauses.items() if each[1].until > now]
        pauses = [
            (name, f"{pause.rule.value}: {pause.observed}")
            for name, pause in (*standing, *self._pauses.named(now))
        ]
        return RiskSummary(
            state=state.risk.state.word,
            cause=state.risk_cause,
            drawdown=text_from_fixed(facts.fall),
            day_loss=text_from_fixed(facts.day_loss),
            pauses=dict(pauses[:PAUSES_SHOWN_MAX]),
        )

    def on_quotes(self, quotes: Mapping[int, Quote], now: Nanos) -> list[Effect]:
        """Take the market's present quotes, at which positions have just been valued.

        Equity is written down once a minute, and with the first mark of an account or of a day.
        """
        self._marked_at = now
        by_symbol = {self._catalogue[each].symbol: quote for each, quote in quotes.items()}
        for symbol, quote in by_symbol.items():
            self.observe(symbol, quote, now)
        self._correlations.sample(by_symbol, now)
        self._correlations.judge_pairs(CORRELATION_PAIRS)
        self._note_marks(by_symbol)
        effects = self._write_equity(now) + self._pause_fallen(now) + self.judge_losses(now)
        return effects + self._tell_pauses(now)

    def judge_losses(self, now: Nanos) -> list[Effect]:
        """Change the state of risk if losses, or that they were made good, call for it."""
        state, facts = self._ledger.state, self._losses()
        before, after = state.risk, next_standing(state.risk, facts, self._limits.losses)
        if after == before:
            return []
        cause = cause_of(after, facts)
        effects: list[Effect] = [
            self._books.record(RiskMoved(standing=after, cause=cause, at=now)),
            Announce(
                "risk_state_moved",
                {"state": after.state.word, "before": before.state.word, "cause": cause},
                severity=_SEVERITIES[after.state],
            ),
        ]
        if after.state is not RiskState.HALTED:
            if after.state is RiskState.REDUCE_ONLY and before.state < after.state:
                effects += self.cancel_entries(now)
            return effects
        must_liquidate = after.by_day is RiskState.HALTED
        if must_liquidate or not state.halt_reason:
            effects += self._halt(f"loss: {cause}", now, must_liquidate=must_liquidate)
        return effects

    def _write_equity(self, now: Nanos) -> list[Effect]:
        state = self._ledger.state
        is_first = not state.peak_equity or day_of(now) != state.day
        if now - self._written_at < EQUITY_MARK_PERIOD and not is_first:
            return []
        self._written_at = now
        valued = self._books.value_fees(now)
        if valued:
            self._valuation.refresh()
        return [*valued, self._books.record(self._valuation.entry(now))]

    def _losses(self) -> LossFacts:
        state, valuation = self._ledger.state, self._valuation
        return LossFacts(
            equity=valuation.equity,
            peak=valuation.peak_equity,
            opening=state.day_opening_equity,
            day=state.day,
        )

    def write_halt(self, reason: str, now: Nanos, *, must_liquidate: bool) -> list[Effect]:
        """Write down that all entries are stopped, tell it, and take back those that work."""
        told: dict[str, str | int | float] = {"reason": reason, "must_liquidate": must_liquidate}
        return [
            self._books.record(TradingHalted(reason, None, now, must_liquidate)),
            Announce("trading_halted", told, severity="error"),
            *self.cancel_entries(now),
        ]

    def counted_anew(self, now: Nanos) -> list[Entry]:
        """Return from where losses count once a halt is lifted; nothing if it was not for them."""
        if self._ledger.state.risk.state is not RiskState.HALTED:
            return []
        return [self._valuation.entry_anew(now)]

    def cancel_entries(self, now: Nanos) -> list[Effect]:
        """Take back all orders of ours that may still enlarge a position."""
        effects: list[Effect] = []
        for order in list(self._ledger.state.live_orders.values()):
            if not (order.is_terminal or is_reduction(order.intent)):
                effects += self._cancel(order, now)
        return effects

    def _note_marks(self, quotes: Mapping[str, Quote]) -> None:
        oldest: Nanos | None = None
        for symbol in self._valuation.exposures:
            instrument = self._catalogue.by_symbol(symbol)
            if instrument is None or not instrument.is_trading:
                continue
            quote = quotes.get(symbol)
            at = 0 if quote is None else quote.received_at
            oldest = at if oldest is None else min(oldest, at)
        self._oldest_mark = oldest

    def _pause_fallen(self, now: Nanos) -> list[Effect]:
        """Stop entries on instruments that fell too far, whoever saw it, also over restarts."""
        effects: list[Effect] = []
        rules, pauses = self._limits.flash_crash, self._ledger.state.pauses
        for symbol, fall_bps in self._flash.take_struck().items():
            standing = pauses.get(symbol)
            if standing is not None and standing.until > now:
                continue
            window = rules.window // NANOS_PER_SECOND
            pause = Pause(
                rule=RefusalRule.FLASH_CRASH,
                until=now + rules.pause,
                limit=f"{rules.fall_bps} bps in {window} s",
                observed=f"fell {fall_bps} bps",
            )
            effects.append(self._books.record(EntriesPaused(symbol=symbol, pause=pause, at=now)))
            effects.append(_announce(symbol, pause, now))
        return effects

    def _tell_pauses(self, now: Nanos) -> list[Effect]:
        """Tell of pauses that have begun, or last longer, since they were told of."""
        told = self._told_until
        standing = dict(self._pauses.named(now))
        self._told_until = {name: pause.until for name, pause in standing.items()}
        return [
            _announce(name, pause, now)
            for name, pause in standing.items()
            if pause.until > told.get(name, 0)
        ]


def _announce(name: str, pause: Pause, now: Nanos) -> Announce:
    return Announce(
        "entries_paused",
        {
            "name": name,
            "rule": pause.rule.value,
            "observed": pause.observed,
            "pause_s": (pause.until - now) // NANOS_PER_SECOND,
        },
        severity="warning",
    )


_SEVERITIES: Final[dict[RiskState, Literal["info", "warning", "error"]]] = {
    RiskState.ACTIVE: "info",
    RiskState.REDUCED: "warning",
    RiskState.REDUCE_ONLY: "warning",
    RiskState.HALTED: "error",
}
