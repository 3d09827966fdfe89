"""The gate: what it holds, what it learns, and what it says of both."""

import asyncio
from collections.abc import Mapping
from typing import Final

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.orders import Hold, RefusalRule
from genesis.exchange.address_ban import AddressBan
from genesis.exchange.circuit_breaker import BreakerPolicy, BreakerState, CircuitBreaker
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.rate_limits import EXECUTOR_SHARES, RateLimits
from genesis.exchange.rate_window import RateCount, RateLimit
from genesis.exchange.reply_facts import ReplyFacts, ReplyVerdict
from genesis.exchange.request_cost import (
    ENTRY_COST,
    EXIT_COST,
    LimitKind,
    Purpose,
    RequestCost,
)
from genesis.exchange.request_gate import Admission, RequestGate
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

DEADLINE_S: Final = 20
HOUR: Final[Nanos] = 3_600 * NANOS_PER_SECOND
MINUTE_MS: Final = 60_000
VENUE_MS: Final = 1_780_000_000_000 // MINUTE_MS * MINUTE_MS + 1_000
QUERY: Final = RequestCost(Purpose.RECONCILE, 4)
CANCEL: Final = RequestCost(Purpose.CANCEL, 1, is_refunded=True)
SUCCESS: Final = ReplyFacts(verdict=ReplyVerdict.ANSWERED, has_succeeded=True)
FAILURE: Final = ReplyFacts(verdict=ReplyVerdict.FAILED, has_succeeded=False, reason="503")


class Scene:
    """A gate, the venue's time in a test's hand, and what was logged."""

    def __init__(
        self, *, cool_down: Nanos = HOUR, failures_max: int = 2, has_breaker: bool = True
    ) -> None:
        self.venue_ms = VENUE_MS
        self.logged: list[Mapping[str, object]] = []
        self.clock = EngineClock.start()
        self.peer = [0]
        self.budget = ConnectionBudget([0, 0], 1, AddressBan([0], [self.peer]))
        self.limits = RateLimits(EXECUTOR_SHARES, reserve_bps=2_000)
        policy = BreakerPolicy(failures_max=failures_max, cool_down=cool_down, cool_down_max=HOUR)
        self.gate = RequestGate(
            self.limits,
            venue_ms=lambda: self.venue_ms,
            budget=self.budget,
            clock=self.clock,
            log=self._log(),
            breaker=CircuitBreaker(policy) if has_breaker else None,
        )

    @property
    def events(self) -> list[object]:
        return [line["event"] for line in self.logged]

    def admit(self, cost: RequestCost) -> Admission:
        admission = self.gate.admit(cost)
        assert isinstance(admission, Admission)
        return admission

    def hold(self, cost: RequestCost) -> Hold:
        hold = self.gate.admit(cost)
        assert isinstance(hold, Hold)
        return hold

    def ask_hold(self, *, is_reduction: bool, ahead: int = 0) -> Hold | None:
        return self.gate.order_hold(is_reduction=is_reduction, ahead=ahead)

    def time_out(self, cost: RequestCost = ENTRY_COST) -> None:
        self.gate.lose(self.admit(cost), "no reply", is_failure=True)

    def open(self) -> None:
        """Open the breaker."""
        self.time_out()
        self.time_out()
        assert self.gate.breaker_state is BreakerState.OPEN

    def _log(self) -> FilteringBoundLogger:
        def keep(_logger: object, _method: str, event: Mapping[str, object]) -> str:
            self.logged.append(event)
            raise structlog.DropEvent

        log: FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(),
            processors=[keep],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )
        return log


async def test_an_open_breaker_holds_entries_alone() -> None:
    """What ends an order, settles a doubt or shrinks a position makes nothing worse."""
    scene = Scene()
    scene.open()
    hold = scene.hold(ENTRY_COST)

    assert hold.refusal.rule is RefusalRule.CIRCUIT_BREAKER
    assert hold.refusal.observed == "OPEN: no reply"
    assert hold.retry_at_ms > scene.venue_ms + 29 * MINUTE_MS
    assert scene.gate.counters.held == 1
    for cost in (EXIT_COST, CANCEL, QUERY):
        scene.admit(cost)


async def test_an_order_that_would_be_held_is_told_before_it_is_written_down() -> None:
    """By the same rules, and nothing is counted by asking."""
    scene = Scene()
    assert scene.ask_hold(is_reduction=False) is None
    scene.open()
    hold = scene.ask_hold(is_reduction=False)

    assert hold is not None
    assert hold.refusal.rule is RefusalRule.CIRCUIT_BREAKER
    assert scene.ask_hold(is_reduction=True) is None
    scene.limits.throttle_orders(scene.venue_ms + 1, scene.venue_ms)
    hold = scene.ask_hold(is_reduction=True)
    assert hold is not None
    assert hold.refusal.rule is RefusalRule.RATE_LIMIT
    assert scene.gate.counters.held == 0


async def test_orders_that_are_on_their_way_count_as_sent() -> None:
    """Of 50 orders in 10 s 40 are for entries: the 41st is told so while the others are written."""
    scene = Scene()
    assert scene.ask_hold(is_reduction=False, ahead=39) is None
    hold = scene.ask_hold(is_reduction=False, ahead=40)

    assert hold is not None
    assert hold.refusal.rule is RefusalRule.RATE_LIMIT
    assert scene.ask_hold(is_reduction=True, ahead=49) is None
    assert scene.ask_hold(is_reduction=True, ahead=50) is not None


async def test_five_hundreds_and_time_outs_open_the_breaker_refusals_do_not() -> None:
    """A venue that says no to a request works; so does one that says no for rate."""
    scene = Scene()
    refused = ReplyFacts(verdict=ReplyVerdict.ANSWERED, has_succeeded=False, reason="400 -1013")
    throttled = ReplyFacts(
        verdict=ReplyVerdict.ORDERS_THROTTLED,
        has_succeeded=False,
        retry_at_ms=scene.venue_ms,
    )
    for facts in (FAILURE, refused, FAILURE, throttled, FAILURE, SUCCESS):
        assert scene.gate.breaker_state is BreakerState.CLOSED
        scene.gate.answer(scene.admit(QUERY), facts)
    scene.gate.answer(scene.admit(QUERY), FAILURE)
    scene.gate.lose(scene.admit(QUERY), "no reply", is_failure=True)

    assert scene.gate.breaker_state is BreakerState.OPEN


async def test_a_connection_that_breaks_is_one_failure_however_much_was_in_flight() -> None:
    """Its requests are lost by one cause."""
    scene = Scene()
    for admission in [scene.admit(QUERY) for _ in range(5)]:
        scene.gate.lose(admission, "cut", is_failure=False)
    scene.gate.fail_connection("cut")
    assert scene.ask_hold(is_reduction=False) is None

    scene.gate.fail_connection("refused")
    assert scene.gate.breaker_state is BreakerState.OPEN


async def test_each_transition_is_logged_once_and_counted() -> None:
    """With its reason, and how long it stays open."""
    scene = Scene()
    scene.open()
    scene.time_out(QUERY)
    scene.gate.open_session()
    scene.gate.open_session()

    assert scene.events == ["breaker_opened", "breaker_closed"]
    opened, closed = scene.logged
    assert opened["reason"] == "no reply"
    assert opened["failures"] == 2
    assert isinstance(opened["cool_down_ms"], int)
    assert opened["cool_down_ms"] >= HOUR // NANOS_PER_MS // 2
    assert closed["reason"] == "a new session was opened"
    counters = scene.gate.counters
    assert (counters.breaker_openings, counters.breaker_closings) == (1, 1)


async def test_a_probe_is_sent_when_due_and_its_answer_closes_the_breaker() -> None:
    """Nothing else has to ask: the gate sees to it."""
    scene = Scene(cool_down=NANOS_PER_MS)
    closed = asyncio.Event()

    async def ask() -> None:
        assert scene.gate.breaker_state is BreakerState.HALF_OPEN
        assert isinstance(scene.gate.admit(ENTRY_COST), Hold)
        scene.gate.answer(scene.admit(QUERY), SUCCESS)
        closed.set()

    probing = asyncio.create_task(scene.gate.keep_probing(ask))
    scene.open()
    async with asyncio.timeout(DEADLINE_S):
        await closed.wait()
    await asyncio.sleep(0)
    probing.cancel()
    await asyncio.wait({probing})

    assert scene.gate.breaker_state is BreakerState.CLOSED
    assert scene.gate.counters.breaker_probes == 1
    assert scene.events == ["breaker_opened", "breaker_half_opened", "breaker_closed"]
    scene.admit(ENTRY_COST)


async def test_a_probe_that_is_not_answered_is_followed_by_another() -> None:
    """Also one that could not be sent at all; the third is answered."""
    scene = Scene(cool_down=NANOS_PER_MS)
    asked: list[int] = []
    done = asyncio.Event()

    async def ask() -> None:
        asked.append(len(asked))
        if len(asked) == 2:
            scene.gate.lose(scene.admit(QUERY), "no reply", is_failure=True)
        if len(asked) == 3:
            scene.gate.answer(scene.admit(QUERY), SUCCESS)
            done.set()

    probing = asyncio.create_task(scene.gate.keep_probing(ask))
    scene.open()
    async with asyncio.timeout(DEADLINE_S):
        await done.wait()
    probing.cancel()
    await asyncio.wait({probing})

    assert scene.gate.breaker_state is BreakerState.CLOSED
    assert [line.get("reason") for line in scene.logged if line["event"] == "breaker_opened"] == [
        "no reply",
        "the probe was not answered",
        "no reply",
    ]


async def test_a_refusal_for_rate_is_logged_held_and_said_with_its_end() -> None:
    """The outcome names the time at which the gate itself lets the next one through."""
    scene = Scene()
    facts = ReplyFacts(verdict=ReplyVerdict.THROTTLED, has_succeeded=False, reason="429 -1003: x")
    retry_at_ms = scene.gate.answer(scene.admit(QUERY), facts)

    assert scene.hold(QUERY).retry_at_ms == retry_at_ms
    scene.venue_ms = retry_at_ms
    scene.admit(QUERY)
    assert scene.events == ["requests_throttled"]
    assert scene.logged[0]["reason"] == "429 -1003: x"
    assert scene.gate.counters.throttled == 1


@pytest.mark.parametrize("ahead_ms", [-700, 0, 700])
async def test_a_refusal_holds_for_as_long_as_it_says_by_any_clock(ahead_ms: int) -> None:
    """Our estimate of the venue's clock may be wrong; the venue says its own along with the end."""
    scene = Scene()
    venue_ms = VENUE_MS - ahead_ms
    facts = ReplyFacts(
        verdict=ReplyVerdict.THROTTLED,
        has_succeeded=False,
        reason="429 -1003: x",
        retry_at_ms=venue_ms + 500,
        told_at_ms=venue_ms,
    )
    assert scene.gate.answer(scene.admit(QUERY), facts) == VENUE_MS + 500

    scene.venue_ms = VENUE_MS + 499
    assert scene.hold(QUERY).retry_at_ms == VENUE_MS + 500
    scene.venue_ms = VENUE_MS + 500
    scene.admit(QUERY)


async def test_each_kind_of_refusal_holds_its_own() -> None:
    """Orders alone, all requests, or connections as well."""
    until = VENUE_MS + 5_000
    held = {}
    for verdict in (
        ReplyVerdict.ORDERS_THROTTLED,
        ReplyVerdict.THROTTLED,
        ReplyVerdict.BANNED,
    ):
        scene = Scene()
        scene.gate.overhear(
            ReplyFacts(verdict=verdict, has_succeeded=False, reason="why", retry_at_ms=until)
        )
        scene.gate.overhear(FAILURE)
        requests = [ENTRY_COST, EXIT_COST, QUERY, CANCEL]
        held[verdict] = [isinstance(scene.gate.admit(cost), Hold) for cost in requests]
        held[verdict].append(scene.gate.admit_connection() is not None)
        held[verdict].append(scene.budget.next_at > scene.clock.now())

    assert list(held.values()) == [
        [True, True, False, False, False, False],
        [True, True, True, True, True, False],
        [True, True, True, True, True, True],
    ]


async def test_a_ban_of_another_process_holds_everything_here() -> None:
    """It is of the address; the hold is told in the venue's time, and ends with the ban."""
    scene = Scene()
    scene.peer[0] = scene.clock.now() + 60 * NANOS_PER_SECOND
    for cost in (ENTRY_COST, EXIT_COST, QUERY, CANCEL):
        hold = scene.hold(cost)
        assert hold.refusal.observed == "banned by the venue"
        assert scene.venue_ms < hold.retry_at_ms <= scene.venue_ms + 60_000
    assert scene.gate.admit_connection() is not None
    assert scene.ask_hold(is_reduction=True) is not None
    assert scene.gate.held_for_ms > 0

    scene.peer[0] = scene.clock.now()
    scene.admit(ENTRY_COST)
    assert scene.gate.held_for_ms == 0


async def test_a_connection_costs_its_weight() -> None:
    """Section 2: two for each, which no reply shows at once."""
    scene = Scene()
    assert scene.gate.admit_connection() is None

    assert scene.gate.usage()[0].used == 2


async def test_counts_and_limits_are_shown() -> None:
    """As learned from exchangeInfo and from the last reply."""
    scene = Scene()
    for _ in range(2):  # the listing is read anew every so often, and is mostly the same
        scene.gate.state_limits([RateLimit(LimitKind.ORDERS, 10_000, 100)])
    counts = (RateCount(LimitKind.ORDERS, 10_000, 7, 100),)
    facts = ReplyFacts(verdict=ReplyVerdict.ANSWERED, has_succeeded=True, counts=counts)
    scene.gate.answer(scene.admit(ENTRY_COST), facts)
    scene.gate.take_back(scene.admit(ENTRY_COST))

    (usage,) = [usage for usage in scene.gate.usage() if usage.kind is LimitKind.ORDERS]
    assert (usage.interval_ms, usage.used, usage.limit) == (10_000, 7, 100)
    assert scene.events == ["rate_limits_changed"]
    assert scene.logged[0]["limits"] == ["100 ORDERS in 10 s"]


async def test_a_way_that_takes_no_orders_has_no_breaker() -> None:
    """Its failures are told by whoever asks there."""
    scene = Scene(has_breaker=False)
    for _ in range(10):
        scene.gate.answer(scene.admit(QUERY), FAILURE)
        scene.gate.lose(scene.admit(QUERY), "no reply", is_failure=True)
        scene.gate.answer(scene.admit(QUERY), SUCCESS)
        scene.gate.fail_connection("refused")
        scene.gate.open_session()

    assert scene.gate.breaker_state is BreakerState.CLOSED
    assert not scene.logged
