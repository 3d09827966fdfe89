"""Work large orders in slices on a real engine, kill it half-way, and hold the journal to account.

An operator asks a running engine for a TWAP and a VWAP of $50 000, as `genesis execute` does, on a
tape of the real market (`--tape`) or on the simulated one. Then for both again, and half-way the
executor is killed; then for a TWAP, and the whole engine is killed and started anew. The VWAP's
curve is the engine's own: what the market traded in as long a time until the order came.

The journal tells, read by hand: how far each was from its schedule, that no fill was worse than
the impact limit, that none traded more than it was told to, and what each cost against the price
at its arrival. The schedule is a line here; slices are steps on it, so a distance of a slice is
what a step is. Stated is two of the largest slices.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from scripts.bench_form import BenchForm, Progress, Samples
from scripts.slices.audit import ParentRecord, read_parents
from scripts.slices.engine import POLL_S, OperatedEngine

NOTIONAL: Final = 50_000
SECONDS: Final = 60
SLICES: Final = 30
SLICES_STATED: Final = 2
BACK_WITHIN_S: Final = 15.0
"""A child in doubt keeps its part for 12 s at worst; then the rest is made up for."""
IMPACT_BPS: Final = 20
JUMP_BPS: Final = 80
"""Where the venue is started anew too: its tape begins again, at the price of its beginning."""
PATIENCE_S: Final = 30
OWNER: Final = "desk-btc"
_QUIET: Final = (
    '{"strategy_id":"%s","kind":"ema_cross","symbol":"%s","parameters":'
    '{"slow_period":5000,"margin_bps":100,"hold_max_s":86400,"stop_bps":5000,"target_bps":5000}}'
)
"""A strategy that owns what is bought and leaves it alone."""


_LIMITS: Final = ("position", "strategy", "instrument", "correlated")
"""What the show may hold of one instrument: a quarter of a million of two."""


@dataclass(frozen=True)
class Case:
    """One parent order of the show."""

    name: str
    algorithm: Literal["twap", "vwap"]
    victim: Literal["", "executor", "engine"] = ""
    impact_bps: int = IMPACT_BPS


CASES: Final = (
    Case("twap", "twap"),
    Case("vwap", "vwap"),
    Case("vwap, executor killed", "vwap", "executor"),
    Case("twap, executor killed", "twap", "executor"),
    Case("twap, engine killed", "twap", "engine", impact_bps=JUMP_BPS),
)
"""A killed executor has watched nothing yet, hence no VWAP behind it."""


@dataclass
class Done:
    """What became of a case: its parent's number, when somebody was killed, and was there again.

    That the executor is there again is for the engine to see to, and counts; a whole engine is
    started by whoever stands beside it.
    """

    case: Case
    number: int
    killed_at: int = 0
    restarted_at: int = 0


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out every case on one engine, read its journal, and say by the exit code what held."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--tape", type=Path, help="recorded frames; default: the market model")
    form.parser.add_argument("--symbol", default="BTCUSDT")
    form.parser.add_argument("--notional", type=int, default=NOTIONAL)
    form.parser.add_argument("--seconds", type=int, default=SECONDS, help="each order's length")
    form.parser.add_argument("--slices", type=int, default=SLICES, help="of each order")
    form.parser.add_argument("--keep", action="store_true", help="keep the state directory")
    arguments = form.parse(argv)
    home = Path(tempfile.mkdtemp(prefix="genesis-slices-"))
    words = engine_words(arguments.tape, arguments.symbol, arguments.seed)
    progress = Progress(len(CASES))
    done = []
    with OperatedEngine(home / "state", words) as engine:
        time.sleep(arguments.seconds + 10)  # the market is watched for as long as a VWAP asks
        for case in CASES:
            progress.show(case.name)
            done.append(
                carry_out(
                    engine,
                    case,
                    notional=arguments.notional,
                    seconds=arguments.seconds,
                    slices=arguments.slices,
                )
            )
            progress.advance()
        engine.wait_until(lambda status: not status.in_doubt, PATIENCE_S)
        engine.wait_until(lambda status: status.ledger_equal is True, PATIENCE_S)
        code = engine.stop()
    progress.clear()
    records = read_parents(home / "state")
    for one in done:
        judge(form, one, records[one.number])
    form.at_most("engine's exit code", _one(code, ""), 0)
    if arguments.keep:
        print(f"the state is kept in {home}", file=sys.stderr)
    else:
        shutil.rmtree(home)
    return form.finish()


def engine_words(tape: Path | None, symbol: str, seed: int) -> list[str]:
    """Return the words of `genesis run` for an account that can bear the show."""
    market = ["--set", f"market.seed={seed}"] if tape is None else ["--market", f"replay:{tape}"]
    return [
        *market,
        *("--set", "capital_quote=2000000"),
        *(word for limit in _LIMITS for word in ("--set", f"risk.{limit}_fraction=0.5")),
        *(
            "--set",
            "strategies.workers=1",
            "--set",
            f"strategies.roster=[{_QUIET % (OWNER, symbol)}]",
        ),
    ]


def carry_out(
    engine: OperatedEngine, case: Case, *, notional: int, seconds: int, slices: int
) -> Done:
    """Ask for one order, kill whom the case says half-way, and wait for the order's end."""
    result = engine.ask(
        "execute",
        strategy=OWNER,
        side="buy",
        notional=str(notional),
        algo=case.algorithm,
        over_s=str(seconds),
        slices=str(slices),
        impact_bps=str(case.impact_bps),
    )
    done = Done(case, int(str(result["parent"])))
    deadline = time.monotonic() + seconds + PATIENCE_S
    half = time.monotonic() + seconds / 2
    while time.monotonic() < deadline:
        parent = engine.parent(done.number)
        if parent is not None and parent.end:
            return done
        if case.victim and not done.killed_at and time.monotonic() >= half:
            done.killed_at = done.restarted_at = time.time_ns()
            kill(engine, case)
            if case.victim == "engine":
                done.restarted_at = time.time_ns()
        time.sleep(POLL_S)
    raise TimeoutError(f"{case.name}: it has not ended in time")


def kill(engine: OperatedEngine, case: Case) -> None:
    """SIGKILL the executor, or the whole engine, which is then started anew."""
    if case.victim == "executor":
        engine.kill_child("executor")
    else:
        engine.kill()
        engine.start()


def judge(form: BenchForm, done: Done, record: ParentRecord) -> None:
    """Say how an order went, and demand what must hold of it."""
    name = done.case.name
    plan = record.opened.plan
    form.add_figure(f"{name}: children", _one(record.children, ""))
    form.add_figure(f"{name}: slippage against arrival", _one(record.slippage_bps, "bps"))
    form.add_figure(f"{name}: largest slice", _one(record.largest_slice, "of the whole"))
    stated = SLICES_STATED * record.largest_slice
    until = done.killed_at or record.opened.at + plan.duration
    error = record.largest_error(until)
    form.at_most(f"{name}: schedule error in slices", _one(error / record.largest_slice, ""), 2)
    form.at_least(f"{name}: filled", _one(record.filled / record.opened.quantity, ""), 1)
    form.at_most(f"{name}: filled beyond the whole", _one(record.excess, ""), 0)
    form.at_most(f"{name}: fills beyond the impact limit", _one(record.beyond_cap, ""), 0)
    if done.killed_at:
        form.at_most(
            f"{name}: back on schedule after",
            _one(_back_after(record, done, stated), "s"),
            BACK_WITHIN_S,
        )


def _back_after(record: ParentRecord, done: Done, stated: float) -> float:
    """Return how long after the restart it was last further from its schedule than is stated."""
    return max(_seconds_off(record, done, stated), default=0.0)


def _seconds_off(record: ParentRecord, done: Done, stated: float) -> Iterator[float]:
    end = max(record.opened.at + record.opened.plan.duration, record.ended_at)
    for at in range(done.restarted_at, end, 50_000_000):
        if abs(record.behind(at)) > stated:
            yield (at - done.restarted_at) / 1e9


def _one(value: float, unit: str) -> Samples:
    return Samples((float(value),), unit)


if __name__ == "__main__":
    sys.exit(main())
