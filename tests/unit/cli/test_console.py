"""What a person sees of a run."""

import io

import msgspec
import pytest

from genesis.cli.console import PLAIN_PERIOD_S, TERMINAL_PERIOD_S, Console
from genesis.cli.status import render_status_line
from genesis.config import Mode, Settings
from genesis.status import StatusDocument
from tests.support.statuses import TRADING


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Claim it."""
        return True


class ClosedPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str, /) -> int:
        """Fail as a pipe does."""
        raise BrokenPipeError(text)


def at(uptime_s: float, **changes: object) -> StatusDocument:
    """Return the trading engine's status at another time."""
    return msgspec.convert(
        msgspec.to_builtins(TRADING) | {"uptime_s": uptime_s} | changes, StatusDocument
    )


def test_a_run_begins_with_what_it_is_and_where_its_facts_go() -> None:
    """Two lines are enough to find the log and to know how to stop."""
    stream = io.StringIO()
    settings = Settings.model_validate(
        {"state_dir": "/s", "market": {"source": "replay", "path": "/tape"}}
    )

    Console(stream).begin(settings)

    first, second = stream.getvalue().splitlines()
    assert "120 strategies in 2 workers on the replay of /tape market, 100,000 USDT" in first
    assert second == "state /s, log /s/genesis.jsonl; Ctrl-C stops"


@pytest.mark.parametrize(
    ("mode", "says"),
    [("testnet", "on Binance's testnet, "), ("live", "on Binance, LIVE, ")],
    ids=["testnet", "live"],
)
def test_a_run_on_a_real_venue_says_so(mode: Mode, says: str) -> None:
    """Nobody takes real money for a simulation."""
    stream = io.StringIO()

    Console(stream).begin(Settings(mode=mode))

    assert says in stream.getvalue()


def test_a_file_gets_a_line_a_minute_and_each_change() -> None:
    """A log of the output stays short, and misses neither a change of state nor a problem."""
    stream = io.StringIO()
    console = Console(stream)

    shown = [at(1), at(2), at(3, problems=["feed is silent"]), at(4, problems=["feed is silent"])]
    shown += [at(5), at(5 + PLAIN_PERIOD_S - 1), at(5 + PLAIN_PERIOD_S)]
    for status in shown:
        console.show(status)

    lines = [render_status_line(shown[index]) for index in (0, 2, 4, 6)]
    assert stream.getvalue().splitlines() == lines


def test_a_terminal_gets_one_line_that_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is cleared before it is written, and cut to the terminal's width."""
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    console = Console(stream)

    for uptime_s in (0, TERMINAL_PERIOD_S / 2, TERMINAL_PERIOD_S):
        console.show(at(uptime_s))

    assert stream.getvalue() == "\r\x1b[2K00:00:00  healthy  \r\x1b[2K00:00:02  healthy  "


def test_a_run_ends_with_its_last_status_and_its_exit() -> None:
    """What was reached is not lost with the line that showed it."""
    stream = io.StringIO()
    console = Console(stream)
    console.show(at(1))
    console.show(at(2))
    console.end(0)

    assert stream.getvalue().splitlines()[1:] == [render_status_line(at(2)), "stopped"]


def test_a_last_line_that_stands_already_is_not_repeated() -> None:
    """On a terminal the line is cut and written over, so there it is printed whole once more."""
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        console = Console(stream)
        console.show(at(1))
        console.end(0)

    assert plain.getvalue().splitlines() == [render_status_line(at(1)), "stopped"]
    assert terminal.getvalue().endswith(f"\x1b[2K{render_status_line(at(1))}\nstopped\n")


def test_a_failed_run_ends_with_its_exit_code() -> None:
    """A run that never showed a status has only its code to tell."""
    stream = Terminal()

    Console(stream).end(78)

    assert stream.getvalue() == "\r\x1b[2Kfailed: exit 78\n"


def test_a_reader_that_is_gone_ends_the_lines_not_the_engine() -> None:
    """`genesis run | head` must not stop a trade."""
    console = Console(ClosedPipe())

    console.begin(Settings())
    console.show(at(1))
    console.end(0)
