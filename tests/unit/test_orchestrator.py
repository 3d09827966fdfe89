"""The parent, run in this process over stand-in children: start, serve, stop, and every bad end."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pytest

from genesis.clock import EngineClock
from genesis.config_exchange import CredentialSettings
from genesis.domain.instruments import Instrument
from genesis.engine.engine_report import EngineReport
from genesis.engine.orchestrator import run_engine
from genesis.errors import (
    ChildFailed,
    ConfigError,
    GenesisError,
    LockHeld,
    StorageError,
    VenueRejected,
    VenueThrottled,
    VenueUnreachable,
)
from genesis.exchange.endpoints import Endpoints
from genesis.limits import LISTING_ATTEMPTS_MAX
from genesis.status import StatusDocument
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from tests.support.stand_in_engine import environment, stand_in_settings, surroundings

CLOCKS_APART: Final[Nanos] = NANOS_PER_MS
"""By how much two clocks of the engine's kind, started one after the other, may differ."""


class Run:
    """One run of the engine; `when` is called with each status, and `stop` ends the run."""

    def __init__(self, state_dir: Path, **supervision: int) -> None:
        self.settings = stand_in_settings(state_dir, **supervision)
        self.surroundings = surroundings()
        self.report_path = state_dir / "report.json"
        self.statuses: list[StatusDocument] = []
        self.when: Callable[[StatusDocument], None] = self.stop_when_running
        self.asked: list[str] = []
        self.duration_s: float | None = None
        self.pauses = threading.Event()  # never set: waiting for it takes the time it is given

    def __call__(self, **behaviors: str) -> EngineReport:
        """Run to the end and return the report."""
        with environment({name.replace("_", "-"): how for name, how in behaviors.items()}):
            code = run_engine(
                self.settings,
                surroundings=self.surroundings,
                on_status=self._look,
                duration_s=self.duration_s,
                report_path=self.report_path,
            )
        assert code == 0
        return self.report()

    def report(self) -> EngineReport:
        """Return the report that was written."""
        return msgspec.json.decode(self.report_path.read_bytes(), type=EngineReport)

    def stop_when_running(self, status: StatusDocument) -> None:
        """Stop as soon as everything runs, the recorder too, which nobody else waits for."""
        if status.state == "running" and all(
            process.state == "running" for process in status.processes
        ):
            self.stop()

    @staticmethod
    def stop() -> None:
        """Ask as a supervisor does."""
        os.kill(os.getpid(), signal.SIGTERM)

    def fetch_late(
        self, endpoints: Endpoints, symbols: Sequence[str] | None, timeout: Nanos
    ) -> tuple[Instrument, ...]:
        """Answer as a venue that needs a while: twice there is no answer."""
        self.asked.append(endpoints.ws_api_url)
        if len(self.asked) < 3:
            raise VenueUnreachable("no listing")
        return surroundings().fetch_instruments(endpoints, symbols, timeout)

    def states(self) -> list[str]:
        """Return the states that were shown, each once, in order."""
        return list(dict.fromkeys(status.state for status in self.statuses))

    def _look(self, status: StatusDocument) -> None:
        self.statuses.append(status)
        self.when(status)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return an engine that stops as soon as it runs."""
    return Run(tmp_path / "state")


def log_lines(run: Run) -> list[dict[str, object]]:
    """Read what every process wrote to the log."""
    lines = run.settings.log_path.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]


def notes(run: Run) -> list[str]:
    """Return which children ended in good order, in that order."""
    text = (run.settings.state_dir / "notes").read_text()
    return [line.split()[0] for line in text.splitlines()]


def test_a_run_starts_everything_in_order_and_stops_it_in_order(run: Run) -> None:
    """Venue, executor, feed, workers, recorder; then workers first, recorder last; all gone."""
    before = set(os.listdir("/proc/self/fd"))
    report = run()
    assert run.states() == ["starting", "running", "stopping", "stopped"]
    started = [line["child"] for line in log_lines(run) if line["event"] == "child_started"]
    assert started == ["venue", "executor", "feed", "worker-0", "worker-1", "recorder"]
    stopped = notes(run)
    assert sorted(stopped[:2]) == ["worker-0", "worker-1"]
    assert stopped[2:] == ["executor", "feed", "venue", "recorder"]
    assert set(os.listdir("/proc/self/fd")) <= before
    assert not run.settings.control_socket_path.exists()

    assert report.exit_code == 0
    assert report.ended == "SIGTERM"
    assert report.ledger_equal is True
    assert report.messages == 60
    assert report.equity == "100001.5"
    assert report.children["executor"] == {"strategies": 4}
    assert report.children["worker-0"] == {"strategies": 2}


def test_a_run_may_be_told_how_long_to_last(run: Run) -> None:
    """`--for` counts from when everything runs, and ends as a stop does.

    Whoever asked for a report that cannot be written then learns that there is none.
    """
    run.when = lambda _status: None
    run.duration_s = 0.1
    run.report_path = run.settings.state_dir / "nowhere" / "report.json"
    with pytest.raises(StorageError, match=r"--report .*cannot be written"):
        run()
    assert log_lines(run)[-1]["ended"] == "ran for 0.1 s"
    # The recorder is not waited for, so its time may be over before it begins.
    assert set(notes(run)) - {"recorder"} == {"worker-0", "worker-1", "executor", "feed", "venue"}


_TALK = """
import pathlib, sys
from genesis.control_socket import ControlClient
from genesis.errors import UsageError
path = pathlib.Path(sys.argv[1])
with ControlClient(path) as client:
    assert client.ask("status")["state"] == "running"
with ControlClient(path) as client:
    try:
        client.ask("dance")
    except UsageError as error:
        assert "unknown command 'dance'" in str(error)
with ControlClient(path) as client:
    client.ask("stop")
"""


def test_the_control_socket_shows_the_status_and_takes_a_stop(run: Run) -> None:
    """`genesis status` and `genesis stop` are answered while the engine runs.

    That it runs at all, though the venue's listing came at the third asking only, is shown as well.
    """
    command = [sys.executable, "-c", _TALK, str(run.settings.control_socket_path)]
    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=run.fetch_late)
    others: list[subprocess.Popen[bytes]] = []

    def ask(status: StatusDocument) -> None:
        if status.state == "running" and not others:
            others.append(subprocess.Popen(command))

    run.when = ask
    report = run()
    assert others[0].wait() == 0
    assert report.ended == f"stop asked for by process {others[0].pid}"
    assert run.asked == ["ws://127.0.0.1:4711/ws-api/v3"] * 3


@pytest.mark.parametrize(
    ("behaviors", "error", "says"),
    [
        ({"venue": "refuse"}, ConfigError, "^venue.port: 80 is in use$"),
        ({"executor": "crash"}, ChildFailed, r"executor: ValueError: a bug \(exit code 70\)"),
    ],
    ids=["refused", "bug"],
)
def test_a_child_that_cannot_start_ends_the_run_with_its_reason(
    run: Run, behaviors: dict[str, str], error: type[GenesisError], says: str
) -> None:
    """One clear line, the right exit code, and whoever ran already is stopped in order."""
    with pytest.raises(error, match=says):
        run(**behaviors)
    assert run.report().exit_code == error.exit_code
    assert run.states() == ["starting", "stopping", "stopped"]


def test_a_child_that_fails_while_it_stops_fails_the_run(run: Run) -> None:
    """A stop that lost something is not told as a good one."""
    with pytest.raises(ConfigError, match="executor: the stop went wrong"):
        run(executor="fail_in_stop")
    assert notes(run)[-3:] == ["feed", "venue", "recorder"]


def test_a_bug_in_the_parent_leaves_no_orphans(run: Run) -> None:
    """Whatever is raised in the parent, the children are stopped in order first."""

    def explode(status: StatusDocument) -> None:
        if status.state == "starting" and len(status.processes) > 1:
            raise ZeroDivisionError("a bug")

    run.when = explode
    with pytest.raises(GenesisError, match=r"internal error.*a bug") as caught:
        run()
    assert caught.value.exit_code == 70
    ended = [line["child"] for line in log_lines(run) if line["event"] == "child_ended"]
    assert ended == ["venue"]


def test_a_second_engine_on_the_same_state_is_refused(run: Run) -> None:
    """It is told who runs already; the first one does not notice."""
    refused: list[GenesisError] = []

    def start_another(status: StatusDocument) -> None:
        if status.state == "running" and not refused:
            with pytest.raises(LockHeld, match=f"process {os.getpid()}") as caught:
                run_engine(run.settings, on_status=lambda _status: None)
            refused.append(caught.value)
            run.stop()

    run.when = start_another
    run()
    assert refused[0].exit_code == 75


def test_a_stop_while_the_engine_starts_is_obeyed(run: Run) -> None:
    """A child that takes long to be ready does not keep an operator waiting."""
    run.when = lambda status: run.stop() if status.state == "starting" else None
    report = run(executor="never_ready")
    assert report.ended == "SIGTERM"
    assert run.states() == ["starting", "stopping", "stopped"]


def test_a_child_that_keeps_crashing_halts_the_run(tmp_path: Path) -> None:
    """Past its restart intensity a child that all need ends the engine, with exit 70."""
    run = Run(tmp_path / "state", child_restarts=1, restart_delay_ms=10)
    run.when = lambda _status: None
    with pytest.raises(ChildFailed, match=r"feed: .*too many"):
        run(feed="keeps_crashing")
    assert run.report().restarts_by_process["feed"] == 1


@pytest.mark.parametrize(
    ("refusal", "error", "says"),
    [
        (VenueUnreachable("no listing"), VenueUnreachable, "no listing"),
        (VenueRejected(-1121, "Invalid symbol."), ConfigError, "strategies.symbols: .*-1121"),
    ],
    ids=["silent", "no such symbol"],
)
def test_without_a_listing_there_is_no_run(
    run: Run, refusal: GenesisError, error: type[GenesisError], says: str
) -> None:
    """A venue that stays silent, or knows none of the symbols, ends the start with its reason."""

    def fetch(
        _endpoints: Endpoints, _symbols: Sequence[str] | None, _timeout: Nanos
    ) -> tuple[Instrument, ...]:
        raise refusal

    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=fetch)
    with pytest.raises(error, match=says):
        run()
    assert notes(run) == ["venue"]


def test_a_venue_that_asks_to_wait_is_waited_for(run: Run) -> None:
    """More often than a silent one is asked, and never before its time."""
    clock = EngineClock.start()
    asked: list[Nanos] = []
    allowed: list[Nanos] = [0]

    def fetch(
        endpoints: Endpoints, symbols: Sequence[str] | None, timeout: Nanos
    ) -> tuple[Instrument, ...]:
        asked.append(clock.now())
        if len(asked) <= LISTING_ATTEMPTS_MAX:
            allowed.append(asked[-1] + 20 * NANOS_PER_MS)
            raise VenueThrottled("-1003: IP banned.", allowed[-1] + CLOCKS_APART)
        return surroundings().fetch_instruments(endpoints, symbols, timeout)

    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=fetch)
    assert run().ended == "SIGTERM"
    assert all(at >= earliest for at, earliest in zip(asked, allowed, strict=True))
    held = [line for line in log_lines(run) if line["event"] == "listing_held"]
    assert len(held) == LISTING_ATTEMPTS_MAX
    assert held[0]["reason"] == "-1003: IP banned."


def test_a_start_that_waits_for_the_venue_says_so(run: Run) -> None:
    """A ban may last for days; the health line names it, and the operator may stop."""

    def fetch(
        _endpoints: Endpoints, _symbols: Sequence[str] | None, _timeout: Nanos
    ) -> tuple[Instrument, ...]:
        until = EngineClock.start().now() + 3_600 * NANOS_PER_SECOND
        raise VenueThrottled("-1003: IP banned.", until)

    def stop_when_held(status: StatusDocument) -> None:
        if status.problems:
            seen.append(status.problems)
            run.stop()

    seen: list[tuple[str, ...]] = []
    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=fetch)
    run.when = stop_when_held
    assert run().ended == "SIGTERM"
    assert seen[0] == ("venue: it has asked to wait (-1003: IP banned.)",)


def test_a_stop_while_the_listing_is_asked_for_is_obeyed(run: Run) -> None:
    """The question blocks a thread, not the parent."""

    def fetch(
        _endpoints: Endpoints, _symbols: Sequence[str] | None, _timeout: Nanos
    ) -> tuple[Instrument, ...]:
        run.stop()
        run.pauses.wait(0.3)
        return ()

    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=fetch)
    assert run().ended == "SIGTERM"


def test_a_venue_that_names_no_port_cannot_be_traded_on(run: Run) -> None:
    """Nobody could find it."""
    with pytest.raises(ChildFailed, match="did not say which port"):
        run(venue="silent")


def real_venue(run: Run, tmp_path: Path) -> Path:
    """Let the run trade on a venue that is not its own, with a key; return where the key is."""
    key_file = tmp_path / "key.toml"
    key_file.write_text('api_key = "a"\nprivate_key = "p"\n')
    key_file.chmod(0o600)
    real = {
        "mode": "testnet",
        "credentials": CredentialSettings(key_file=key_file),
        "strategies": run.settings.strategies.model_copy(update={"symbols": ("BTCUSDT",)}),
    }
    run.settings = run.settings.model_copy(update=real)
    return key_file


def test_a_real_venue_is_no_child(run: Run, tmp_path: Path) -> None:
    """It is there already: its listing is asked for by name before anything starts."""
    real_venue(run, tmp_path)
    asked: list[tuple[str, Sequence[str] | None]] = []
    listed = run.surroundings.fetch_instruments

    def fetch(
        endpoints: Endpoints, symbols: Sequence[str] | None, timeout: Nanos
    ) -> tuple[Instrument, ...]:
        asked.append((endpoints.ws_api_url, symbols))
        return listed(endpoints, symbols, timeout)

    run.surroundings = dataclasses.replace(run.surroundings, fetch_instruments=fetch)
    run()
    started = [line["child"] for line in log_lines(run) if line["event"] == "child_started"]
    assert started == ["executor", "feed", "worker-0", "worker-1", "recorder"]
    assert asked == [("wss://ws-api.testnet.binance.vision/ws-api/v3", ("BTCUSDT",))]
    assert not (run.settings.state_dir / "sim_key.toml").exists()
    assert (run.statuses[-1].mode, run.statuses[-1].market) == (
        "testnet",
        "stream.testnet.binance.vision",
    )


def test_a_key_that_others_can_read_stops_the_start(run: Run, tmp_path: Path) -> None:
    """Nothing was started, and no state was made."""
    real_venue(run, tmp_path).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        run()
    assert not run.settings.state_dir.exists()


def test_a_state_directory_of_another_mode_stops_the_start(run: Run, tmp_path: Path) -> None:
    """The journal of one venue is never continued on another."""
    run()
    real_venue(run, tmp_path)
    with pytest.raises(ConfigError, match="belongs to mode sim, and this is mode testnet"):
        run()
    assert len(notes(run)) == 6, "only those of the first run"


def test_a_listing_that_does_not_fit_ends_the_start(run: Run) -> None:
    """What the capital cannot buy is found before any strategy runs."""
    run.settings = run.settings.model_copy(update={"quote_asset": "EUR"})
    with pytest.raises(ConfigError, match="BTCUSDT is paid for in USDT"):
        run()
    assert notes(run) == ["venue"]
