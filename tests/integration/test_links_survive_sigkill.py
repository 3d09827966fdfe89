"""Links between real processes that die at any point. `scripts/kill_links.py` is the long form."""

import random

from scripts.kill_links import ring_specs, run_ring_campaign, run_table_campaign

KILLS = 8
SEED = 20
CONTROL_TRIES = 40


def test_a_refusing_ring_loses_nothing() -> None:
    """Whoever is killed whenever: every record arrives, whole, in order; none is missing."""
    verdict = run_ring_campaign(ring_specs()["refusing ring"], KILLS, random.Random(SEED))
    assert verdict.violations == []
    assert verdict.missed == 0
    assert verdict.delivered - verdict.redelivered == verdict.published > 0


def test_an_overwriting_ring_counts_every_gap() -> None:
    """Whoever is killed whenever: what a reader did not get, it knows it did not get."""
    spec = ring_specs()["overwriting ring"]
    verdict = run_ring_campaign(spec, KILLS, random.Random(SEED))
    assert verdict.violations == []
    reached = verdict.delivered + verdict.missed - verdict.redelivered
    assert reached == spec.readers * verdict.published > 0


def test_a_writer_that_publishes_too_early_is_found_out() -> None:
    """The control: a ring whose cursor moves before its record does not pass for a right one.

    A reader must look in just the wrong moment, so one kill may not be enough.
    """
    spec = ring_specs()["refusing ring"]
    verdicts = (
        run_ring_campaign(spec, 1, random.Random(seed), writer="publish_early")
        for seed in range(CONTROL_TRIES)
    )
    assert any(verdict.violations for verdict in verdicts)


def test_a_table_row_is_never_torn() -> None:
    """A writer killed in mid-row leaves a whole row behind, and its successor writes on."""
    verdict = run_table_campaign(KILLS, random.Random(SEED))
    assert verdict.violations == []
    assert verdict.published > 0
