"""Live through days of 24 hours, each compressed to a minute, and lose nothing.

One real engine trades on the simulated venue, whose clock of events is shortened: connections end
at their age, windows of rates roll over, pings come often. While it trades, the venue does to it
once a day whatever a venue can do, at times drawn from the seed. Then all faults stop; it must come
to rest, trade on until its sockets have been replaced for their age, and end well. Its journal is
held against the venue's own books, and what the venue saw of it against the limits: connections
within the live venue's budget, no request during a ban that it knew of, no second refusal for a
rate before the time that the first one named.

A day that shows nothing is a failure, too: every fault must have struck, and its trace be found.
With `--control` a part is taken out of the client, and the run passes if that is found out.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from genesis.exchange.binance.errors import FILTER_FAILURE
from genesis.limits import CONNECTIONS_MAX
from genesis.units import NANOS_PER_SECOND
from scripts.bench_form import BenchForm, Progress, Samples
from scripts.day.control import CONTROLS
from scripts.day.life import Life, Outcome, live
from scripts.day.record import SHARES, attempts_in_window, rest_queries
from scripts.day.scale import Scale
from scripts.day.schedule import least_day_s

DAYS: Final = 2
DAY_S: Final = 60

_TRACES: Final = (
    ("symbols suspended", "symbol_suspended"),
    ("symbols resumed", "symbol_resumed"),
    ("rules changed", "instrument_changed"),
    ("gaps in the user stream", "user_stream_gap"),
)
"""What the engine's log must show, by the event that tells it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Live through the days, print what was found, and say by the exit code if all held."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--days", type=int, default=DAYS)
    form.parser.add_argument("--day", type=int, default=DAY_S, help="seconds that a day takes")
    form.parser.add_argument("--control", choices=CONTROLS, help="take this out of the client")
    form.parser.add_argument("--keep", action="store_true", help="keep the state directory")
    arguments = form.parse(argv)
    if arguments.day < least_day_s():
        form.parser.error(f"--day: everything takes {least_day_s()} seconds")
    # Ended from outside, it still ends its engine.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    life = Life(
        scale=Scale(day_s=arguments.day, life_s=arguments.day),
        days=arguments.days,
        seed=arguments.seed,
        control=arguments.control,
    )
    outcome = _carry_out(life, keep=arguments.keep)
    _add_figures(form, outcome)
    if life.control is not None:
        caught = _one(len(outcome.violations), "violations")
        form.at_least(f"control {life.control} caught", caught, 1)
    else:
        _demand(form, outcome)
    return form.finish()


def _carry_out(life: Life, *, keep: bool) -> Outcome:
    print(f"scale: {life.scale}", file=sys.stderr)
    progress = Progress(life.days + 3)

    def tell(doing: str) -> None:
        progress.show(doing)
        progress.advance()

    home = Path(tempfile.mkdtemp(prefix="genesis-day-"))
    try:
        outcome = live(life, home, tell)
    finally:
        progress.clear()
        if not keep:
            shutil.rmtree(home)
    for number, day in enumerate(outcome.schedule, start=1):
        for fault in day:
            print(f"day {number} {fault}", file=sys.stderr)
    for line in outcome.violations:
        print(f"seed {life.seed}: {line}", file=sys.stderr)
    if keep:
        print(f"seed {life.seed}: its state is kept in {home}", file=sys.stderr)
    return outcome


def _add_figures(form: BenchForm, outcome: Outcome) -> None:
    for name in outcome.kinds:
        form.add_figure(f"struck: {name}", _one(outcome.strikes[name]))
    attempts = [sight for sight in outcome.sights if sight.seen == "attempt"]
    for process in (*SHARES, "nobody"):
        tried = sum(sight.process == process for sight in attempts)
        if tried or process in SHARES:
            form.add_figure(f"connections tried by {process}", _one(tried))
    for name, event in (("connections opened", "connection_opened"), *_TRACES):
        form.add_figure(name, _one(outcome.events[event]))
    for name, event in (
        ("clock measured", "clock_measured"),
        ("breaker opened", "breaker_opened"),
        ("asked to wait", "requests_throttled"),
    ):
        form.add_figure(name, _one(outcome.events[event]))
    form.add_figure("rotations", _one(outcome.rotations))
    form.add_figure(
        "other successions", _one(outcome.events["connection_succeeded"] - outcome.rotations)
    )
    form.add_figure("orders asked for over REST", _one(len(rest_queries(outcome.sights))))
    report, audit = outcome.report, outcome.audit
    if report is not None:
        form.add_figure("market messages", _one(report.messages))
        form.add_figure("gaps told to strategies", _one(report.gaps))
        form.add_figure("books synced", _one(report.counts.get("book_resyncs", 0)))
    for name in ("signals", "orders", "fills"):
        form.add_figure(name, _one(getattr(audit, name)))
    waits = sorted((doubt.ended_at - doubt.began_at) / NANOS_PER_SECOND for doubt in audit.doubts)
    form.add_figure("orders in doubt", _one(len(waits)))
    for share in (0.5, 0.99, 1.0) if waits else ():
        wait = waits[max(0, round(share * len(waits)) - 1)]
        form.add_figure(f"order in doubt: p{100 * share:g}", _one(wait, "s"))


def _demand(form: BenchForm, outcome: Outcome) -> None:
    for name in ("duplicates", "losses", "differences"):
        form.at_most(name, _one(len(getattr(outcome.audit, name))), 0)
    form.at_most("engines that failed", _one(bool(outcome.failures)), 0)
    form.at_most("requests and connections against the limits", _one(len(outcome.breaches)), 0)
    most = attempts_in_window(outcome.sights)
    form.at_most("connections tried in 300 s", _one(most["all"]), CONNECTIONS_MAX)
    for process, share in SHARES.items():
        form.at_most(f"of these by {process}", _one(most[process]), share)
    form.at_most("kinds of faults that never struck", _one(len(outcome.missed)), 0)
    for name, event in _TRACES:
        form.at_least(f"trace of {name}", _one(outcome.events[event]), 1)
    form.at_least("sockets replaced for their age", _one(outcome.rotations), 1)
    refused = sum(sight.code == FILTER_FAILURE for sight in outcome.sights)
    form.at_least("orders refused -1013", _one(refused), 1)
    resolved = len(rest_queries(outcome.sights))
    form.at_least("doubts asked away over REST", _one(resolved), 1)


def _one(value: float, unit: str = "") -> Samples:
    return Samples((float(value),), unit)


if __name__ == "__main__":
    sys.exit(main())
