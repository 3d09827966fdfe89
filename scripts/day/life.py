"""Living through compressed days: one engine, day after day of faults, calm, and the judgement."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from genesis.engine.engine_report import EngineReport
from genesis.exchange.binance.errors import FILTER_FAILURE
from genesis.status import StatusDocument
from scripts.campaign.attack import START_S, EngineFailed, await_engine, end
from scripts.campaign.audit import Audit, audit_books
from scripts.campaign.engine_under_attack import WatchedEngine
from scripts.day.admin import VenueAdmin
from scripts.day.control import VARIABLE, Control
from scripts.day.record import FILE_NAME, Sight, judge_record, read_port, read_record, rest_queries
from scripts.day.scale import COOLDOWN_S, HOLD_MAX_S, STRATEGIES, SYMBOLS, Scale
from scripts.day.schedule import Planned, api_away, halt, other_rules, plan_day
from scripts.pipeline.roster import brisk_roster

_CALM_S: Final = 60.0
_CALM_FILLS: Final = 3
_SHOWN_MAX: Final = 12
_STRIKE_S: Final = 30.0
_AGAIN_S: Final = 1.5
_LOOK_S: Final = 0.2
_PROGRAM: Final = "scripts.day.engine_program"


@dataclass(frozen=True, kw_only=True)
class Life:
    """What one engine is to live through."""

    scale: Scale
    days: int
    seed: int
    control: Control | None = None


@dataclass
class Outcome:
    """What became of it."""

    schedule: list[list[Planned]] = field(default_factory=list)
    """By day."""
    strikes: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault struck."""
    sights: list[Sight] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    """Lines of the engine's log, by what they tell."""
    rotations: int = 0
    """Connections that were succeeded because of their age alone."""
    report: EngineReport | None = None
    audit: Audit = field(default_factory=Audit)
    failures: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    """What the venue saw that no client may do."""

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of faults in the schedule."""
        return sorted({fault.name for day in self.schedule for fault in day})

    @property
    def missed(self) -> list[str]:
        """Return the kinds that never struck: of them the days show nothing."""
        return [name for name in self.kinds if not self.strikes[name]]

    @property
    def violations(self) -> list[str]:
        """Return everything that must never be."""
        return self.failures + self.breaches[:_SHOWN_MAX] + self.audit.violations


class _LogLine(msgspec.Struct, frozen=True):
    event: str
    process: str = ""
    connection: str | int = ""
    number: int = 0

    @property
    def socket(self) -> tuple[str, str | int, int]:
        """The connection that a line is about, by what names it within one run."""
        return self.process, self.connection, self.number


def live(life: Life, home: Path, tell: Callable[[str], None]) -> Outcome:
    """Live through all days on a fresh state directory in `home`, and judge what is left."""
    chance = Random(life.seed)  # noqa: S311 - a repeatable run is the point
    outcome = Outcome(schedule=[plan_day(chance, day, life.scale) for day in range(life.days)])
    state_dir, report, config = home / "state", home / "report.json", home / "roster.toml"
    config.write_text(
        brisk_roster(STRATEGIES, SYMBOLS, cooldown_s=COOLDOWN_S, hold_max_s=HOLD_MAX_S)
    )
    settings = life.scale.settings(life.seed)
    words = [str(report), str(config), *(f"{name}={value}" for name, value in settings.items())]
    environment = {VARIABLE: life.control} if life.control else {}
    try:
        with WatchedEngine(state_dir, _PROGRAM, words, environment) as engine:
            _Course(engine, outcome, life.scale, state_dir / FILE_NAME).run(tell)
            end(engine)
    except EngineFailed as failure:
        outcome.failures.append(str(failure))
    _judge(outcome, state_dir, report)
    return outcome


class _Course:
    """One engine's way through its days, from its start until it is well again."""

    def __init__(self, engine: WatchedEngine, outcome: Outcome, scale: Scale, record: Path) -> None:
        self._engine = engine
        self._outcome = outcome
        self._scale = scale
        self._record = record
        self._has_suspended = False

    def run(self, tell: Callable[[str], None]) -> None:
        """Go all the way.

        Raises:
            EngineFailed: The engine has ended, or is not well when nothing is wrong any more.
        """
        tell("start")
        self._await(lambda: self._engine.is_running, START_S, "it does not start")
        self._await_fills(1, "it does not trade")
        port = read_port(self._record)
        assert port is not None, "a venue that is traded on is open"
        admin = VenueAdmin(port)
        try:
            for number, faults in enumerate(self._outcome.schedule, start=1):
                tell(f"day {number}")
                admin.give(faults)
                self._watch(self._scale.day_s)
            self._give_again(admin)
            admin.clear()
            tell("calm")
            self._come_to_rest()
        finally:
            if not self._engine.has_ended:
                self._outcome.strikes = admin.strikes()

    def _give_again(self, admin: VenueAdmin) -> None:
        """Let what found nothing to strike in its time try again, until it has, or for a while."""
        now = time.monotonic()
        given_at, gives_up_at = now - _AGAIN_S, now + _STRIKE_S
        while now < gives_up_at:
            again = self._lacking(admin.strikes())
            if not again:
                return
            if now - given_at >= _AGAIN_S:
                given_at = now
                admin.give(again)
            self._watch(_LOOK_S)
            now = time.monotonic()

    def _lacking(self, struck: Counter[str]) -> list[Planned]:
        """Return what must be done again: it has not struck, or has left no trace."""
        missed = {
            fault.name: fault.at_once()
            for day in self._outcome.schedule
            for fault in day
            if not struck[fault.name]
        }
        again = list(missed.values())
        sights = read_record(self._record)
        if not any(sight.code == FILTER_FAILURE for sight in sights):
            again += other_rules()  # no order was made by the old ones meanwhile
        if not rest_queries(sights):
            again += api_away(self._scale)  # no order was under way
        if not self._has_suspended:
            again.append(halt(SYMBOLS[-1], 1_000.0 * self._scale.day_s))
        return again

    def _come_to_rest(self) -> None:
        """Wait until all is well again and stays it, until every socket has been replaced for age.

        Trading must go on meanwhile.
        """
        self._await(self._is_well, _CALM_S, "it does not come to rest")
        ends_at = time.monotonic() + self._scale.rotate_after_s
        self._await_fills(_CALM_FILLS, "it does not trade again")
        self._watch(max(0.0, ends_at - time.monotonic()))
        self._await(self._is_well, _CALM_S, "it does not stay at rest")

    def _is_well(self) -> bool:
        status = self._engine.status
        return status is not None and _is_well(status)

    def _await_fills(self, more: int, otherwise: str) -> None:
        engine = self._engine
        before = 0 if engine.status is None else engine.status.fills

        def has_traded() -> bool:
            return engine.status is not None and engine.status.fills >= before + more

        self._await(has_traded, _CALM_S, otherwise)

    def _await(self, is_so: Callable[[], bool], seconds: float, otherwise: str) -> None:
        await_engine(self._engine, is_so, seconds, otherwise)

    def _watch(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            self._engine.watch(0.1)
            status = self._engine.status
            self._has_suspended |= status is not None and bool(status.suspended)
            if self._engine.has_ended:
                code, complaint = self._engine.outcome()
                raise EngineFailed(f"the engine gave up: exit code {code}: {complaint}")


def _is_well(status: StatusDocument) -> bool:
    return (
        status.state == "running"
        and status.in_doubt == 0
        and status.ledger_equal is True
        and status.breaker == "closed"
        and not (status.suspended or status.problems or status.halt_reason)
        and not status.throttled_for_ms
    )


def _judge(outcome: Outcome, state_dir: Path, report: Path) -> None:
    """Read what engine and venue have left behind."""
    if not any(state_dir.glob("*.journal.db")):
        return  # it did not come so far as to have books
    outcome.audit = audit_books(state_dir)
    outcome.sights = read_record(state_dir / FILE_NAME)
    outcome.breaches = judge_record(outcome.sights)
    lines = (state_dir / "genesis.jsonl").read_bytes().splitlines()
    log = [msgspec.json.decode(line, type=_LogLine) for line in lines]
    outcome.events = Counter(line.event for line in log)
    wanted = {line.socket for line in log if line.event == "successor_wanted"}
    succeeded = {line.socket for line in log if line.event == "connection_succeeded"}
    outcome.rotations = len(succeeded - wanted)
    if report.exists():
        outcome.report = msgspec.json.decode(report.read_bytes(), type=EngineReport)
        if outcome.report.ledger_equal is not True:
            outcome.failures.append(f"ledgers differ: {outcome.report.ledger_differences}")
