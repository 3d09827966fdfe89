"""What every request to the venue passes before it is written: limits and breaker, kept and taught.

One gate stands before one way to the venue (the WebSocket API, REST). Ways of one process share its
`RateLimits`, since the venue counts them together; a breaker has the way that orders take. A
request is admitted at the moment of writing or refused at once, and a refused one is forgotten:
nothing waits here, so nothing that was signed can be sent later.

    admission = gate.admit(cost)        # a Hold: answer NotSent or NoAnswer, with its retry_at_ms
    if not write(frame):
        gate.take_back(admission)
    ...
    gate.answer(admission, facts)       # or gate.lose(admission, reason)
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.orders import Hold, Refusal, RefusalRule
from genesis.exchange.circuit_breaker import BreakerChange, BreakerState, CircuitBreaker
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.rate_limits import RateLimits, RateUsage
from genesis.exchange.rate_window import RateLimit, Ticket
from genesis.exchange.reply_facts import ReplyFacts, ReplyVerdict
from genesis.exchange.request_cost import Purpose, RequestCost
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND

_CONNECTION: Final = RequestCost(Purpose.SESSION, weight=2)


class GateCounters(msgspec.Struct):
    """What went by a gate, over its life: held back by us, refused by the venue, transitions."""

    held: int = 0
    throttled: int = 0
    breaker_openings: int = 0
    breaker_probes: int = 0
    breaker_closings: int = 0


class Admission(msgspec.Struct, frozen=True):
    """Leave to write one request, to be given back when its fate is known."""

    ticket: Ticket
    period: int


class RequestGate:
    """Admits requests, and learns from what becomes of them.

    `venue_ms` returns the venue's time as estimated now. `budget` is that of all connections of the
    process: a ban of the address postpones them, and is kept by every process. `breaker` is None on
    a way that takes no orders.
    """

    def __init__(
        self,
        limits: RateLimits,
        *,
        venue_ms: Callable[[], int],
        budget: ConnectionBudget,
        clock: EngineClock,
        log: FilteringBoundLogger,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self._limits = limits
        self._venue_ms = venue_ms
        self._budget = budget
        self._clock = clock
        self._log = log
        self._breaker = breaker
        self._chance = random.SystemRandom().random
        self._changed = asyncio.Event()
        self.counters = GateCounters()

    @property
    def breaker_state(self) -> BreakerState:
        """Where the breaker stands; closed where there is none."""
        return BreakerState.CLOSED if self._breaker is None else self._breaker.state

    def usage(self) -> tuple[RateUsage, ...]:
        """Return what is used of each limit now."""
        return self._limits.usage(self._venue_ms())

    @property
    def held_for_ms(self) -> int:
        """For how long the venue holds orders, or everything; 0 if it does not."""
        ban_ms = (self._budget.forbidden_until - self._clock.now()) // NANOS_PER_MS
        return max(0, ban_ms, self._limits.held_until_ms - self._venue_ms())

    def state_limits(self, limits: Sequence[RateLimit]) -> None:
        """Take the limits that `exchangeInfo` states."""
        if self._limits.state_limits(limits):
            self._log.info("rate_limits_changed", limits=[_stated(limit) for limit in limits])

    def order_hold(self, *, is_reduction: bool, ahead: int) -> Hold | None:
        """Tell why one more order would not be admitted behind `ahead` others; None if it would.

        Asked before anything is written down, so that no order is journaled only to be not sent.
        """
        purpose = Purpose.EXIT if is_reduction else Purpose.ENTRY
        cost = RequestCost(purpose, weight=1 + ahead, orders=1 + ahead)
        return (
            self._held_by_ban()
            or self._held_by_breaker(cost)
            or self._limits.hold(cost, self._venue_ms())
        )

    def admit(self, cost: RequestCost) -> Admission | Hold:
        """Give leave to write one request now, or say why not and from when on."""
        admitted = (
            self._held_by_ban()
            or self._held_by_breaker(cost)
            or self._limits.admit(cost, self._venue_ms())
        )
        if isinstance(admitted, Hold):
            self.counters.held += 1
            return admitted
        return Admission(admitted, 0 if self._breaker is None else self._breaker.period)

    def take_back(self, admission: Admission) -> None:
        """Take note that nothing was written."""
        self._limits.take_back(admission.ticket)

    def lose(self, admission: Admission, reason: str, *, is_failure: bool) -> None:
        """Take note that no answer came.

        `is_failure`: this request's own time-out. Requests that die with their connection are no
        failures each; `fail_connection` tells of it once.
        """
        self._limits.lose(admission.ticket, self._venue_ms())
        if is_failure:
            self._fail(reason, admission.period)

    def answer(self, admission: Admission, facts: ReplyFacts) -> int:
        """Learn from a reply; return from when on (venue time) a request of its kind may follow.

        That is 0 unless the reply refused it for rate.
        """
        now_ms = self._venue_ms()
        self._limits.answer(
            admission.ticket, facts.counts, now_ms, has_succeeded=facts.has_succeeded
        )
        if facts.verdict is ReplyVerdict.FAILED:
            self._fail(facts.reason, admission.period)
            return 0
        if self._breaker is not None:
            self._take_change(self._breaker.succeed(admission.period, self._clock.now()))
        if facts.verdict is ReplyVerdict.ANSWERED:
            return 0
        return self._throttle(facts)

    def overhear(self, facts: ReplyFacts) -> None:
        """Learn from a reply that answers nothing under way: whether the venue has had enough.

        It is late, or names no request, or refuses a connection.
        """
        if facts.verdict not in {ReplyVerdict.ANSWERED, ReplyVerdict.FAILED}:
            self._throttle(facts)

    def admit_connection(self) -> Hold | None:
        """Count a new connection of the WebSocket API, or say why it may not be opened now."""
        admitted = self._held_by_ban() or self._limits.admit(_CONNECTION, self._venue_ms())
        if isinstance(admitted, Hold):
            self.counters.held += 1
            return admitted
        self._limits.answer(admitted, (), self._venue_ms(), has_succeeded=True)
        return None

    def fail_connection(self, reason: str) -> None:
        """Take note that a connection could not be made, or broke."""
        if self._breaker is not None:
            self._fail(reason, self._breaker.period)

    def open_session(self) -> None:
        """Take note that a session was opened, every step of it answered."""
        if self._breaker is not None:
            self._take_change(self._breaker.reconnect(self._clock.now()))

    async def keep_probing(self, ask: Callable[[], Awaitable[object]]) -> None:
        """While the breaker is open, have `ask` send a harmless read whenever a probe is due.

        Runs until cancelled. A probe that could not be sent has failed.
        """
        breaker = self._breaker
        assert breaker is not None, "there is something to probe for"
        while True:
            self._changed.clear()
            due_at = breaker.probe_due_at
            if due_at is None:
                await self._changed.wait()
                continue
            await asyncio.sleep(max(0, due_at - self._clock.now()) / NANOS_PER_SECOND)
            change = breaker.begin_probe(self._clock.now())
            if change is None:
                continue
            self._take_change(change)
            period = breaker.period
            await ask()
            self._fail("the probe was not answered", period)  # moot if it was: the period is over

    def _throttle(self, facts: ReplyFacts) -> int:
        """Hold what the venue has refused for rate; return until when, in venue time.

        For how long is told exactly where the venue says its own time as well: our estimate of it
        may be off by as much as it was last set wrong.
        """
        verdict, reason, retry_at_ms = facts.verdict, facts.reason, facts.retry_at_ms
        now_ms = self._venue_ms()
        if retry_at_ms and facts.told_at_ms:
            retry_at_ms = now_ms + max(0, retry_at_ms - facts.told_at_ms)
        self.counters.throttled += 1
        if verdict is ReplyVerdict.ORDERS_THROTTLED:
            until_ms = self._limits.throttle_orders(retry_at_ms, now_ms)
        elif verdict is ReplyVerdict.BANNED:
            until_ms = self._limits.ban(retry_at_ms, now_ms)
            self._budget.postpone(self._clock.now() + (until_ms - now_ms) * NANOS_PER_MS)
        else:
            until_ms = self._limits.throttle(retry_at_ms, now_ms)
        self._log.error(
            "requests_throttled", kind=verdict.value, reason=reason, for_ms=until_ms - now_ms
        )
        return until_ms

    def _held_by_ban(self) -> Hold | None:
        """Tell whether another process of this address, or an earlier life, was told to keep away.

        What this one was told its limits know, to the millisecond.
        """
        wait = self._budget.forbidden_until - self._clock.now()
        if wait <= 0 or self._limits.is_banned(self._venue_ms()):
            return None
        until_ms = self._venue_ms() - (-wait // NANOS_PER_MS)
        refusal = Refusal(
            rule=RefusalRule.RATE_LIMIT,
            limit=f"allowed from {until_ms} (venue time, ms)",
            observed="banned by the venue",
        )
        return Hold(refusal, until_ms)

    def _held_by_breaker(self, cost: RequestCost) -> Hold | None:
        breaker = self._breaker
        if (
            breaker is None
            or breaker.state is BreakerState.CLOSED
            or cost.purpose is not Purpose.ENTRY
        ):
            return None
        refusal = Refusal(
            rule=RefusalRule.CIRCUIT_BREAKER,
            limit=BreakerState.CLOSED.name,
            observed=f"{breaker.state.name}: {breaker.reason}",
        )
        due_at = breaker.probe_due_at
        wait_ms = 0 if due_at is None else max(0, due_at - self._clock.now()) // NANOS_PER_MS
        return Hold(refusal, self._venue_ms() + wait_ms)

    def _fail(self, reason: str, period: int) -> None:
        breaker = self._breaker
        if breaker is not None:
            self._take_change(breaker.fail(reason, period, self._clock.now(), self._chance()))

    def _take_change(self, change: BreakerChange | None) -> None:
        if change is None:
            return
        self._changed.set()
        fields = {"reason": change.reason, "failures": change.failures}
        match change.state:
            case BreakerState.OPEN:
                self.counters.breaker_openings += 1
                cool_down_ms = change.cool_down // NANOS_PER_MS
                self._log.error("breaker_opened", cool_down_ms=cool_down_ms, **fields)
            case BreakerState.HALF_OPEN:
                self.counters.breaker_probes += 1
                self._log.info("breaker_half_opened", **fields)
            case BreakerState.CLOSED:
                self.counters.breaker_closings += 1
                self._log.warning("breaker_closed", **fields)


def _stated(limit: RateLimit) -> str:
    return f"{limit.limit} {limit.kind} in {limit.interval_ms // 1_000} s"
