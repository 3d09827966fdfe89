"""One life of the executor's process: what `engine.py` does, on virtual time, and how it may end.

Before and after every effect, and while a commit is under way, the process may be killed, lose its
machine's power, or be stopped for a while. What it had handed to the kernel still goes out.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Final, Protocol

from genesis.domain.market import Quote
from genesis.domain.orders import ExecutionReport, OrderReport, Signal
from genesis.engine.effects import (
    Announce,
    Commit,
    Effect,
    EffectGroup,
    SubmitOrder,
    SubmitOrderList,
    Tell,
)
from genesis.engine.execution import ExecutionCore
from genesis.engine.risk_facts import VenueNow
from genesis.engine.state_machine import EngineState
from genesis.errors import StorageError
from genesis.exchange.gateway import (
    BalanceUpdate,
    ListSubmitOutcome,
    NotSent,
    StreamGap,
    SubmitOutcome,
    TransferReported,
    Unknown,
    UserEvent,
)
from genesis.units import Nanos
from scripts.simulation.clocks import EngineClockModel, VenueClockEstimate
from scripts.simulation.disk import Disk
from scripts.simulation.faults import MS, SECOND, Faults, draw, happens
from scripts.simulation.protective_venue import ProtectiveVenue
from scripts.simulation.questions import Questions
from scripts.simulation.schedule import Schedule
from scripts.simulation.wire import Line

_TRADING: Final = (EngineState.RUNNING, EngineState.REDUCING, EngineState.HALTED)
_TICK: Final[Nanos] = 100 * MS
_TELL_PERIOD: Final[Nanos] = 1 * SECOND
_MARK_PERIOD: Final[Nanos] = 10 * SECOND
LIQUIDATED: Final = "a person wants everything closed"
_HANG: Final[Nanos] = 12 * SECOND


class Ending(Enum):
    """How a process ends."""

    KILLED = "killed"
    POWER_CUT = "power cut"
    STORAGE_ERROR = "storage error"
    BUG = "bug"
    STOPPED = "stopped"


class Injury(Enum):
    """What is done to one chosen effect."""

    ERROR = "error"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    HANG = "hang"


class Outside(Protocol):
    """What a process needs of the world around it."""

    def quotes(self) -> dict[int, Quote]:
        """Return the market's present quotes."""
        ...

    def unread_signals(self) -> list[Signal]:
        """Return the signals behind the committed cursors of the rings."""
        ...

    def commit_signals(self, signals: Sequence[Signal]) -> None:
        """Move the cursors behind signals whose verdicts are durable."""
        ...

    def tell(self, report: OrderReport) -> None:
        """Publish a report."""
        ...

    def note(self, what: str, detail: object = "") -> None:
        """Write a line of the trace."""
        ...

    def on_announce(self, announced: Announce) -> None:
        """Hear what would be logged."""
        ...

    def on_sending(self, effect: SubmitOrder | SubmitOrderList) -> None:
        """Hear that an order is being written to the socket."""
        ...

    def injury_of(self, effect: Effect) -> Injury | None:
        """Return what is to be done to an effect that is about to be carried out."""
        ...

    def on_ended(self, ending: Ending, why: str) -> None:
        """Hear that the process is no more."""
        ...


class ExecutorProcess:
    """The executor from its start to its death."""

    def __init__(
        self,
        *,
        core: ExecutionCore,
        disk: Disk,
        venue: ProtectiveVenue,
        estimate: VenueClockEstimate,
        clock: EngineClockModel,
        schedule: Schedule,
        chance: random.Random,
        faults: Faults,
        outside: Outside,
    ) -> None:
        self.core = core
        self.is_alive = True
        self._disk = disk
        self._clock = clock
        self._schedule = schedule
        self._chance = chance
        self._faults = faults
        self._outside = outside
        self.line = Line(
            schedule=schedule,
            chance=chance,
            faults=faults,
            estimate=estimate,
            run=self.run,
            on_event=self._on_event,
        )
        self.questions = Questions(
            core=core,
            venue=venue,
            line=self.line,
            clock=clock,
            schedule=schedule,
            chance=chance,
            faults=faults,
            enact=self._enact,
        )
        self._queue: deque[Effect] = deque()
        self._actions: deque[Effect] = deque()
        self._judged: list[Signal] = []
        self._committing: list[Signal] = []
        self._is_flushing = False
        self._is_writing = False
        self._is_flush_asked = False
        self._frozen_until: Nanos = 0
        self._stopped_in: Callable[[], None] | None = None
        self._inbox: deque[Callable[[], None]] = deque()
        self._wakes_at: Nanos | None = None

    # Life and death

    def start(self, boot_id: str) -> None:
        """Connect, begin an epoch, and from then on do what is done periodically."""

        def begin() -> None:
            self._enact(self.core.start(boot_id, self._clock.now()))
            self._mark()
            self._tell_positions()

        self.line.open(begin)

    def run(self, work: Callable[[], None]) -> None:
        """Let the process do something: now, or when it is no longer stopped, or never.

        A process boundary: whatever escapes ends it.
        """
        if not self.is_alive:
            return
        if self._is_frozen:
            self._inbox.append(work)
            return
        try:
            work()
        except StorageError as error:
            self.end(Ending.STORAGE_ERROR, str(error))
        except Exception as error:
            self.end(Ending.BUG, f"{type(error).__name__}: {error}")
        if self.is_alive:
            self._plan_wake()

    def end(self, ending: Ending, why: str = "") -> None:
        """Die, or be done."""
        if self.is_alive:
            self.is_alive = False
            self.line.is_open = False
            self._outside.on_ended(ending, why)

    def freeze(self, pause: Nanos) -> None:
        """Stop for a while, as by SIGSTOP; what comes in meanwhile waits."""
        self._frozen_until = max(self._frozen_until, self._schedule.now + pause)
        self._outside.note("stopped", f"for {pause // MS} ms")
        self._schedule.after(pause, self._thaw)

    @property
    def _is_frozen(self) -> bool:
        return self._schedule.now < self._frozen_until

    @property
    def _cannot_go_on(self) -> bool:
        return self._is_frozen or not self.is_alive

    def _thaw(self) -> None:
        """Go on where the process was stopped, then take in what came meanwhile."""
        if self._cannot_go_on:
            return
        if self._stopped_in is not None:
            work, self._stopped_in = self._stopped_in, None
            self.run(work)
        if self._is_flushing and not self._is_writing:
            self.run(self._carry_on)
        while self._inbox and not self._cannot_go_on:
            self.run(self._inbox.popleft())

    def _may_end_here(self) -> None:
        """Die or be stopped at this very point, by chance."""
        faults = self._faults
        if happens(self._chance, faults.crash_share):
            is_power = happens(self._chance, faults.power_share)
            self.end(Ending.POWER_CUT if is_power else Ending.KILLED, "at an effect")
        elif happens(self._chance, faults.pause_share):
            self.freeze(draw(self._chance, faults.pause_max))

    # Facts in

    def read_signals(self) -> None:
        """Judge every signal that waits in the rings, as one batch."""
        if self.core.state not in _TRADING or self._judged or self._committing:
            return
        signals = self._outside.unread_signals()
        if not signals:
            return
        quotes = self._outside.quotes()
        now = self._clock.now()
        for signal in signals:
            quote = quotes[signal.instrument_id]
            venue_ms = self.line.estimate.now_ms()
            self._outside.note("judges", signal)
            self._queue.extend(
                self.core.judge_signal(signal, quote, venue=VenueNow(venue_ms), now=now)
            )
        self._judged = signals
        self._flush()

    def resume(self) -> None:
        """Obey a person who has looked into a halt."""
        self._enact(self.core.resume(self._clock.now(), accept_differences=True))

    def liquidate(self) -> None:
        """Obey a person who wants everything closed; one who is not heard says it again."""
        if self.core.state in _TRADING and not self.core.liquidation.is_on:
            self._enact(self.core.halt(LIQUIDATED, self._clock.now(), must_liquidate=True))

    def stop(self) -> None:
        """Stop in order: cancel, follow what is in flight for a while, write the end."""
        if self.core.state not in _TRADING:
            self.end(Ending.KILLED, "told to stop before it traded")
            return
        self._enact(self.core.begin_stop(self._clock.now()))

        def finish() -> None:
            self._enact(self.core.finish_stop(self._clock.now()))
            self._later(SECOND, lambda: self.end(Ending.STOPPED))

        self._later(4 * SECOND, finish)

    def _on_event(self, event: UserEvent) -> None:
        self._outside.note("event", event)
        now = self._clock.now()
        match event:
            case ExecutionReport():
                self._enact(self.core.on_execution_report(event, now))
            case TransferReported(asset=asset, amount=amount, cleared_at=cleared_at):
                self._enact(self.core.on_transfer(asset, amount, cleared_at=cleared_at, now=now))
            case StreamGap():
                self._enact(self.core.on_stream_gap(now))
            case BalanceUpdate():
                pass

    def _mark(self) -> None:
        if self.core.state in _TRADING:
            self._enact(self.core.on_quotes(self._outside.quotes(), self._clock.now()))
        self._later(_MARK_PERIOD, self._mark)

    def _tell_positions(self) -> None:
        self._enact(self.core.tell_positions(self._clock.now()))
        self._later(_TELL_PERIOD, self._tell_positions)

    def _on_time(self) -> None:
        self._wakes_at = None
        now = self._clock.now()
        self._enact(self.core.on_time(venue=VenueNow(self.line.estimate.now_ms()), now=now))

    def _plan_wake(self) -> None:
        """Wake up for the core's next deadline, as late as a look every so often would."""
        deadline = self.core.next_deadline
        if deadline is None:
            return
        wait = max(0, deadline - self._clock.now()) + self._chance.randrange(1, _TICK)
        wakes_at = self._schedule.now + wait
        if self._wakes_at is None or wakes_at + _TICK < self._wakes_at:
            self._wakes_at = wakes_at
            self._later(wait, self._on_time)

    # Effects out, in the order of `engine.py`: a group's entries, then everything else of it

    def _enact(self, effects: Sequence[Effect]) -> None:
        self._queue.extend(effects)
        if self.core.is_protection_due:
            venue = VenueNow(self.line.estimate.now_ms())
            self._queue.extend(self.core.protect(venue=venue, now=self._clock.now()))
        if self._queue and not self._is_flush_asked:
            self._is_flush_asked = True
            self._later(0, self._flush)

    def _flush(self) -> None:
        self._is_flush_asked = False
        if self._is_flushing:
            return
        self._is_flushing = True
        self._next_group()

    def _next_group(self) -> None:
        group = EffectGroup(self._queue)
        self._queue.clear()
        self._committing, self._judged = self._judged, []
        self._actions = deque(group.actions)
        if group.entries:
            self._write(Commit(tuple(group.entries)))
        else:
            self._carry_on()

    def _write(self, commit: Commit) -> None:
        """Make entries durable; while that lasts, the process may die or be stopped."""
        injury = self._outside.injury_of(commit)
        if injury is Injury.CRASH_BEFORE:
            self.end(Ending.KILLED, "before a commit")
            return
        if injury is Injury.ERROR:
            raise StorageError("the disk failed")
        self._is_writing = True

        def written(error: StorageError | None) -> None:
            if error is not None:
                raise error
            self._is_writing = False
            self._outside.note("durable", commit.entries)
            if injury is Injury.CRASH_AFTER:
                self.end(Ending.KILLED, "after a commit")
            self._may_end_here()
            self._carry_on()

        self._disk.begin_commit(commit.entries, lambda error: self.run(lambda: written(error)))
        if injury is Injury.HANG:
            self.freeze(_HANG)
        if self._is_writing:
            self._may_end_here()

    def _carry_on(self) -> None:
        """Carry out what is left of a group, then take the next one."""
        while self._actions:
            if self._cannot_go_on:
                return
            effect = self._actions.popleft()
            injury = self._outside.injury_of(effect)
            if injury is Injury.CRASH_BEFORE:
                self.end(Ending.KILLED, "before an effect")
                return
            if injury is Injury.HANG:
                self._actions.appendleft(effect)
                self.freeze(_HANG)
                return
            self._carry_out(effect, injury)
            if injury is Injury.CRASH_AFTER:
                self.end(Ending.KILLED, "after an effect")
            self._may_end_here()
        if self._cannot_go_on:
            return
        if self._committing:
            self._outside.commit_signals(self._committing)
            self._committing = []
            self._later(0, self.read_signals)
        if self._queue or self._judged:
            self._next_group()
        else:
            self._is_flushing = False

    def _carry_out(self, effect: Effect, injury: Injury | None) -> None:
        fails = injury is Injury.ERROR
        match effect:
            case SubmitOrder() | SubmitOrderList():
                self._send(effect, fails=fails)
            case Tell(report=report):
                if not fails:
                    self._outside.tell(report)
            case Announce():
                self._outside.on_announce(effect)
            case _:
                self._outside.note("asks", effect)
                if fails:
                    self.line.cut()
                self.questions.ask(effect)

    def _send(self, effect: SubmitOrder | SubmitOrderList, *, fails: bool) -> None:
        """Write an order to the socket unless it is too old; a stop may come in between."""

        def write() -> None:
            self._outside.on_sending(effect)
            if isinstance(effect, SubmitOrder):
                self.questions.submit(effect, partial(self._take_outcome, effect))
            else:
                self.questions.submit_list(effect, partial(self._take_list_outcome, effect))

        if self._clock.now() > effect.send_before:
            self._take_failure(effect, NotSent("too old"))
        elif fails:
            self._take_failure(effect, Unknown("the socket broke"))
        elif happens(self._chance, self._faults.pause_share):
            self._stopped_in = write
            self.freeze(draw(self._chance, self._faults.pause_max))
        else:
            write()

    def _take_failure(
        self, effect: SubmitOrder | SubmitOrderList, outcome: NotSent | Unknown
    ) -> None:
        if isinstance(effect, SubmitOrder):
            self._take_outcome(effect, outcome)
        else:
            self._take_list_outcome(effect, outcome)

    def _take_outcome(self, effect: SubmitOrder, outcome: SubmitOutcome) -> None:
        name = effect.order.intent.client_order_id
        self._outside.note("outcome", (name, outcome))
        self._enact(self.core.on_submit_outcome(name, outcome, self._clock.now()))

    def _take_list_outcome(self, effect: SubmitOrderList, outcome: ListSubmitOutcome) -> None:
        intent = effect.order_list.intent
        self._outside.note("outcome", (intent.list_client_order_id, outcome))
        self._enact(self.core.on_list_submit_outcome(intent, outcome, self._clock.now()))

    def _later(self, delay: Nanos, work: Callable[[], None]) -> None:
        self._schedule.after(delay, lambda: self.run(work))
