"""Take each safeguard of order safety out of the engine, and see the suite turn red.

A safeguard whose removal no test notices may be lost with the next change. So each is removed in
turn from a copy of the tree, by replacing a piece of source that must stand there exactly once, and
the tests that guard it are run on the copy: some must fail. On the copy as it is, all must pass.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.bench_form import BenchForm, Progress, Samples

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = ("genesis", "workers", "scripts", "tests", "pyproject.toml")

_FAILURES_MAX: Final = 5  # enough to know
_RUN_S: Final = 600
_GREEN: Final = 0
_RED: Final = 1
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """Something that keeps orders safe: where it stands, what is left without it, who guards it."""

    name: str
    path: str
    source: str
    replacement: str
    tests: tuple[str, ...]

    def removed_from(self, text: str) -> str:
        """Return the module's text without it.

        Raises:
            LookupError: The source is not there exactly once: it has changed, and so must this.
        """
        count = text.count(self.source)
        if count != 1:
            raise LookupError(
                f"{self.name}: its source stands {count} times in {self.path}, not once; "
                "look for what has become of it, and change scripts/check_safeguards.py"
            )
        return text.replace(self.source, self.replacement)


_SIMULATOR: Final = "tests/unit/scripts/simulation/test_world.py"
_ORDER_FLOW: Final = "tests/unit/engine/test_order_flow.py"
_ENGINE: Final = "tests/unit/test_trading_engine.py"
_PROTECTOR: Final = "tests/unit/engine/test_protector.py"
_LIQUIDATION: Final = "tests/unit/engine/test_liquidation.py"
_SLICING: Final = "tests/unit/engine/slicing/test_desk.py"

SAFEGUARDS: Final = (
    Safeguard(
        name="fence",
        path="genesis/engine/resolution.py",
        source="        return venue_ms > self._fence_ms(order)\n",
        replacement="        return True\n",
        tests=("tests/unit/engine/test_resolution.py", _ORDER_FLOW, _SIMULATOR),
    ),
    Safeguard(
        name="fsync",
        path="genesis/storage/journal.py",
        source='        must_sync = self._durability == "full" or any(\n',
        replacement="        must_sync = False and any(\n",
        tests=("tests/unit/storage/test_journal.py", "tests/integration/test_power_cuts.py"),
    ),
    Safeguard(
        name="account lock",
        path="workers/executor.py",
        source=(
            "        lock = AccountLock.acquire(state.account_lock_path(tag))\n"
            "        undo.callback(lock.release)\n"
        ),
        replacement="",
        tests=("tests/integration/test_a_second_executor_is_kept_out.py",),
    ),
    Safeguard(
        name="signals judged once",
        path="genesis/engine/signals/form.py",
        source="    if not case.context.is_judged:\n",
        replacement="    if True:\n",
        tests=("tests/unit/engine/test_execution.py", _SIMULATOR),
    ),
    Safeguard(
        name="lots let go of before they are sold",
        path="genesis/engine/execution.py",
        source="        must_wait = self._protector.must_wait(approved.intent)\n",
        replacement="        must_wait = False\n",
        tests=(_PROTECTOR, _SIMULATOR),
    ),
    Safeguard(
        name="one stop at a time",
        path="genesis/engine/protection.py",
        source="        return Keep() if _fits(holding, rules, now) else CancelProtection()\n",
        replacement="        pass\n",
        tests=("tests/unit/engine/test_protection.py", _PROTECTOR, _SIMULATOR),
    ),
    Safeguard(
        name="a liquidation goes on by itself",
        path="genesis/engine/execution.py",
        source="            effects += self.liquidation.sweep(now)\n",
        replacement="            pass\n",
        tests=(_LIQUIDATION, _SIMULATOR),
    ),
    Safeguard(
        name="a liquidation takes resting orders back",
        path="genesis/engine/liquidation.py",
        source="                effects += self._flow.cancel(order, now)\n",
        replacement="                pass\n",
        tests=(_LIQUIDATION, _SIMULATOR),
    ),
    Safeguard(
        name="a hung executor is killed in an emergency",
        path="genesis/engine/emergency.py",
        source="        if is_hung and not self._is_killed:\n",
        replacement="        if False:\n",
        tests=(
            "tests/unit/engine/test_emergency.py",
            "tests/integration/test_everything_is_closed.py",
        ),
    ),
    Safeguard(
        name="entries stop without stops",
        path="genesis/engine/prudence.py",
        source="    if not case.facts.unprotected_for:\n",
        replacement="    if True:\n",
        tests=("tests/unit/engine/test_risk_engine.py", _PROTECTOR),
    ),
    Safeguard(
        name="trades booked once",
        path="genesis/engine/bookkeeping.py",
        source="        if fill.trade_id in order.booked_trades:\n",
        replacement="        if False:\n",
        tests=(_ORDER_FLOW, _SIMULATOR),
    ),
    Safeguard(
        name="journal before send",
        path="genesis/engine/engine.py",
        source=(
            "        if writing is not None:\n"
            "            await self._written(writing)\n"
            "        durable_at"
        ),
        replacement="        durable_at",
        tests=(_ENGINE,),
    ),
    Safeguard(
        name="age of what is sent",
        path="genesis/engine/engine.py",
        source="        return self._clock.now() > effect.send_before\n",
        replacement="        return False\n",
        tests=(_ENGINE,),
    ),
    Safeguard(
        name="no write after a failed one",
        path="genesis/storage/journal.py",
        source="        if self._has_failed:\n            raise StorageError(\n",
        replacement="        if False:\n            raise StorageError(\n",
        tests=("tests/unit/storage/test_journal.py",),
    ),
    Safeguard(
        name="clock before question",
        path="genesis/engine/venue_questions.py",
        source="    outcome = await path.query(asked.symbol, asked.client_order_id)\n",
        replacement=(
            "    outcome = await path.query(asked.symbol, asked.client_order_id)\n"
            "    behind = await path.venue_time_ms()\n"
            "    venue_ms = behind if isinstance(behind, int) else venue_ms\n"
        ),
        tests=(_ENGINE,),
    ),
    Safeguard(
        name="cancel before absence",
        path="genesis/engine/order_flow.py",
        source="                if not cancel_first:\n",
        replacement="                if False:\n",
        tests=(_ORDER_FLOW, _SIMULATOR),
    ),
    Safeguard(
        name="working children of a parent counted",
        path="genesis/engine/slicing/fold.py",
        source="        order.working_quantity for order in state.live_orders.values() if",
        replacement="        0 for order in state.live_orders.values() if",
        tests=(_SLICING,),
    ),
    Safeguard(
        name="rest of a parent reserved",
        path="genesis/engine/judgement.py",
        source="        for claim in claims(state, judged):\n",
        replacement="        for claim in list(claims(state, judged))[:0]:\n",
        tests=(_SLICING,),
    ),
)


class Copy:
    """A copy of the tree, whose tests run on its own sources."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, home / name, ignore=shutil.ignore_patterns("__pycache__", "*.so")
                )
            else:
                shutil.copy(source, home / name)
        self._environment = {**os.environ, "PYTHONPATH": str(home)}
        where = self._run([sys.executable, "-c", "import genesis; print(genesis.__file__)"])
        if not where.stdout.startswith(str(home)):
            raise SystemExit(f"the copy would be tested with the sources of {where.stdout.strip()}")

    def failures(self, tests: Iterable[str]) -> list[str]:
        """Run tests, and return the names of those that fail, a few at most."""
        done = self._run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(f"--maxfail={_FAILURES_MAX}", *tests),
            ]
        )
        failed = list(dict.fromkeys(_FAILED.findall(done.stdout)))
        if (done.returncode, bool(failed)) not in {(_GREEN, False), (_RED, True)}:
            raise SystemExit(f"the tests could not be run: {done.stdout}{done.stderr}")
        return failed

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            cwd=self.home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_S,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Remove one safeguard after the other; say by the exit code whether each is missed."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--only", choices=[one.name for one in SAFEGUARDS])
    arguments = form.parse(argv)
    chosen = [one for one in SAFEGUARDS if arguments.only in {None, one.name}]
    progress = Progress(len(chosen) + 1)
    with tempfile.TemporaryDirectory(prefix="genesis-safeguards-") as name:
        copy = Copy(Path(name))
        progress.show("nothing removed")
        whole = copy.failures(sorted({test for one in chosen for test in one.tests}))
        _tell("nothing removed", whole)
        form.at_most("tests that fail as it is", Samples((float(len(whole)),), ""), 0)
        for one in chosen:
            progress.advance()
            progress.show(f"without {one.name}")
            failed = failures_without(one, copy)
            _tell(f"without {one.name}", failed)
            found = Samples((float(len(failed)),), "")
            form.at_least(f"tests that fail without {one.name}", found, 1)
        progress.clear()
    return form.finish()


def failures_without(safeguard: Safeguard, copy: Copy) -> list[str]:
    """Return the tests that notice the removal of a safeguard; put it back."""
    path = copy.home / safeguard.path
    text = path.read_text()
    try:
        path.write_text(safeguard.removed_from(text))
    except LookupError as error:
        raise SystemExit(str(error)) from error
    try:
        return copy.failures(safeguard.tests)
    finally:
        path.write_text(text)


def _tell(what: str, failed: Sequence[str]) -> None:
    for test in failed:
        print(f"{what}: {test}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
