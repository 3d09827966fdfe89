"""Power cuts under the real journal, and under a whole engine.

`scripts/power_cuts.py` is the long form.
"""

import random
import shutil
from pathlib import Path

import pytest

from scripts.campaign.attack import Attack
from scripts.campaign.power import cut_power
from scripts.power_cuts import build_recorder, run_cuts

CUTS = 15
SEED = 20

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the recorder is built by gcc")


def test_nothing_that_was_promised_is_lost_at_full() -> None:
    """What `append` has returned from is there after any cut, and the journal goes on."""
    verdict = run_cuts("full", "full", CUTS, random.Random(SEED))

    assert verdict.violations == []
    assert verdict.promised > 0


def test_a_tail_may_be_lost_at_venue_and_nothing_else() -> None:
    """The journal opens, holds a prefix of what was written, and every milestone."""
    verdict = run_cuts("venue", "venue", CUTS, random.Random(SEED))

    assert verdict.violations == []
    assert verdict.entries_lost > 0


def test_a_journal_that_does_not_sync_is_found_out() -> None:
    """The control: `venue` does not pass for `full`."""
    verdict = run_cuts("venue", "full", CUTS, random.Random(SEED))

    assert verdict.violations


def test_the_venue_tells_what_the_journal_forgot(tmp_path: Path) -> None:
    """At `venue` an engine whose host lost power finds its orders again, to the last unit."""
    recorder = build_recorder(tmp_path)
    plan = Attack(kills=0, seed=SEED, durability="venue")

    outage = cut_power(plan, 1, tmp_path / "state", recorder, lambda: None)

    assert outage.violations == []
    assert outage.cuts == 1
    assert outage.audit.fills > 0
