"""Kill the processes of real engines at random moments and at named points, and audit the books.

Each engine trades on the simulated venue with strategies that wish all the time, while the venue
loses, delays and doubles what passes. At the end of an engine's kills all faults stop; it must come
to rest, trade on and end well. Then its journal is held against the venue's own books: no signal
executed twice, no order lost, every figure equal to the last unit.

The time fence is scaled down, so that it is met often; `--unscaled` kills run with the real one.
With `--control` a part of the protocol is taken out, and the campaign passes if it finds that out.
"""

import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts.bench_form import BenchForm, Progress, Samples
from scripts.campaign.attack import SCALED, UNSCALED, VICTIMS, WIDER, Attack, Outcome, Scale, attack
from scripts.campaign.plan import CONTROLS

KILLS: Final = 100
UNSCALED_KILLS: Final = 20
KILLS_PER_ENGINE: Final = 100
RECOVERY_P99_S: Final = 2.0
DOUBT_P99_S: Final = 13.0
"""recvWindow, margin, and a second to ask."""
COVER_S: Final = 5.0
"""Every position has a live stop again; where its placement is in doubt, behind the time fence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Attack engine after engine, print what was found, and say by the exit code if all held."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--kills", type=int, default=KILLS, help="with the scaled fence")
    form.parser.add_argument(
        "--unscaled", type=int, default=UNSCALED_KILLS, help="more kills, with the real fence"
    )
    form.parser.add_argument(
        "--victims", default=",".join(VICTIMS), help="of executor, worker, feed, venue"
    )
    form.parser.add_argument("--stop", action="store_true", help="stop processes for a while, too")
    form.parser.add_argument("--control", choices=CONTROLS, help="take this out of the engine")
    form.parser.add_argument("--durability", default="full", choices=("full", "venue"))
    form.parser.add_argument("--keep", action="store_true", help="keep every state directory")
    arguments = form.parse(argv)
    # Ended from outside, it still ends its engines.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    victims = tuple(arguments.victims.split(","))
    if not set(victims) <= set(VICTIMS):
        form.parser.error(f"--victims: choose of {', '.join(VICTIMS)}")
    common = Attack(
        kills=0,
        seed=arguments.seed,
        victims=victims,
        stops=arguments.stop,
        control=arguments.control,
        durability=arguments.durability,
    )
    attacks = list(_attacks(common, arguments.kills, arguments.unscaled))
    outcomes = _carry_out(attacks, keep=arguments.keep, until_caught=bool(arguments.control))
    by_scale: dict[str, list[Outcome]] = {"scaled": [], "unscaled": []}
    for planned, outcome in outcomes:
        by_scale["unscaled" if planned.scale is UNSCALED else "scaled"].append(outcome)
    _add_figures(form, by_scale)
    found = [line for _, outcome in outcomes for line in outcome.violations]
    if arguments.control:
        caught = Samples((float(len(found)),), "violations")
        form.at_least(f"control {arguments.control} caught", caught, 1)
    else:
        _demand(form, by_scale, arguments.kills + arguments.unscaled)
    return form.finish()


def _attacks(common: Attack, kills: int, unscaled: int) -> Iterator[Attack]:
    """Deal the kills to engines, each with a seed of its own, in turn with two scaled fences."""
    scales = (SCALED, WIDER)
    number = 0
    while kills > 0:
        share = min(kills, KILLS_PER_ENGINE)
        yield replace(
            common, kills=share, seed=common.seed * 1_000 + number, scale=scales[number % 2]
        )
        kills -= share
        number += 1
    if unscaled:
        yield replace(common, kills=unscaled, seed=common.seed * 1_000 + 999, scale=UNSCALED)


def _carry_out(
    attacks: Sequence[Attack], *, keep: bool, until_caught: bool
) -> list[tuple[Attack, Outcome]]:
    progress = Progress(sum(planned.kills for planned in attacks))

    def advance(name: str) -> None:
        progress.show(f"{name} killed")
        progress.advance()

    outcomes = []
    shown: set[Scale] = set()
    for planned in attacks:
        if planned.scale not in shown:
            shown.add(planned.scale)
            print(f"scale: {planned.scale}", file=sys.stderr)
        home = Path(tempfile.mkdtemp(prefix="genesis-kills-"))
        outcome = attack(planned, home / "state", advance)
        outcomes.append((planned, outcome))
        progress.clear()
        for line in outcome.violations:
            print(f"seed {planned.seed}: {line}", file=sys.stderr)
        if keep or (outcome.violations and not until_caught):
            print(f"seed {planned.seed}: its state is kept in {home}", file=sys.stderr)
        else:
            shutil.rmtree(home)
        if until_caught and outcome.violations:
            break
    return outcomes


def _add_figures(form: BenchForm, by_scale: dict[str, list[Outcome]]) -> None:
    outcomes = [outcome for listed in by_scale.values() for outcome in listed]
    kills = _sum(outcome.kills for outcome in outcomes)
    points = _sum(outcome.points for outcome in outcomes)
    form.add_figure("engines", _one(len(outcomes), ""))
    for name in VICTIMS:
        form.add_figure(f"kills of {name}", _one(kills[name], ""))
    form.add_figure("kills at named points", _one(points.total(), ""))
    for name in sorted(points):
        form.add_figure(f"  {name}", _one(points[name], ""))
    form.add_figure("stops", _one(sum(outcome.stops for outcome in outcomes), ""))
    ends = sum(outcome.ends_in_order for outcome in outcomes)
    form.add_figure("engines that ended in order under attack", _one(ends, ""))
    for name in ("signals", "orders", "fills"):
        total = sum(getattr(outcome.audit, name) for outcome in outcomes)
        form.add_figure(name, _one(total, ""))
    slow = [wait for outcome in outcomes for wait in outcome.slow_recoveries]
    _add_waits(form, "recovery, venue silent or others down", slow)
    for name, listed in by_scale.items():
        for kind, waits in (
            ("", [wait for outcome in listed for wait in outcome.quick_doubts]),
            (", cut off or killed again", [w for outcome in listed for w in outcome.slow_doubts]),
        ):
            _add_waits(form, f"order in doubt, {name} fence{kind}", waits)
        for kind, waits in (
            ("", [wait for outcome in listed for wait in outcome.quick_bare]),
            (", cut off or killed meanwhile", [w for o in listed for w in o.slow_bare]),
        ):
            _add_waits(form, f"no live stop, {name} fence{kind}", waits)


def _demand(form: BenchForm, by_scale: dict[str, list[Outcome]], kills: int) -> None:
    outcomes = [outcome for listed in by_scale.values() for outcome in listed]
    form.at_least("kills", _one(sum(o.kills.total() for o in outcomes), ""), kills)
    for name in ("duplicates", "losses", "differences"):
        found = sum(len(getattr(outcome.audit, name)) for outcome in outcomes)
        form.at_most(name, _one(found, ""), 0)
    form.at_most("engines that failed", _one(sum(bool(o.failures) for o in outcomes), ""), 0)
    quick = [wait for outcome in outcomes for wait in outcome.quick_recoveries]
    _add_waits(form, "recovery", quick)
    if quick:
        form.at_most("recovery, 99 of 100", _one(_share(quick, 0.99), "s"), RECOVERY_P99_S)
    for name, most in (("scaled", COVER_S), ("unscaled", COVER_S + DOUBT_P99_S)):
        bare = [wait for outcome in by_scale[name] for wait in outcome.quick_bare]
        if bare:
            form.at_most(f"no live stop, {name} fence, longest", _one(max(bare), "s"), most)
    doubted = [wait for outcome in by_scale["unscaled"] for wait in outcome.quick_doubts]
    if doubted:
        form.at_most(
            "order in doubt, unscaled, 99 of 100", _one(_share(doubted, 0.99), "s"), DOUBT_P99_S
        )


def _add_waits(form: BenchForm, name: str, waits: Sequence[float]) -> None:
    if waits:
        form.add_figure(f"{name}: count", _one(len(waits), ""))
        for share in (0.5, 0.99, 1.0):
            form.add_figure(f"{name}: p{100 * share:g}", _one(_share(waits, share), "s"))


def _share(waits: Sequence[float], share: float) -> float:
    """Return the wait that this share of all does not exceed."""
    return sorted(waits)[max(0, round(share * len(waits)) - 1)]


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _one(value: float, unit: str) -> Samples:
    return Samples((float(value),), unit)


if __name__ == "__main__":
    sys.exit(main())
