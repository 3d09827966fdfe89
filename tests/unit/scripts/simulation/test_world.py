"""The simulator in short: the core survives, its controls do not, and a seed is a run for ever."""

import random

import pytest

from scripts.simulation.controls import CONTROLS, WHOLE
from scripts.simulation.faults import SECOND, Faults
from scripts.simulation.process import Injury
from scripts.simulation.world import Plan, World, random_plan

SEEDS = 150
CONTROL_SEEDS = 100
LIQUIDATIONS = 40
SCENARIO_SEED = 9
SCENARIO_TIME = 20 * SECOND


def slow_venue() -> Plan:
    """Return a plan in which answers are lost, orders surface late, and the clock leaps ahead."""
    faults = Faults(
        reply_lost_share=0.5,
        queue_max=5 * SECOND,
        lag_share=0.5,
        lag_max=4 * SECOND,
        event_lost_share=0.9,
        clock_jump_every=4 * SECOND,
        clock_jump_max=30 * SECOND,
        crash_every=8 * SECOND,
    )
    return Plan(faults, 60 * SECOND)


def test_no_crash_schedule_breaks_the_core() -> None:
    """Never twice, never lost, books equal to the last unit, and nothing stays stuck."""
    wrong = {seed: found for seed in range(SEEDS) if (found := World(seed, WHOLE).run())}
    assert not wrong, "replay with: scripts/simulate_orders.py --trace --seed SEED"


@pytest.mark.parametrize("control", CONTROLS)
def test_a_core_without_a_safeguard_is_caught(control: str) -> None:
    """Else the simulator sees nothing."""
    parts = CONTROLS[control]
    assert any(World(seed, parts, slow_venue()).run() for seed in range(CONTROL_SEEDS))


def test_the_plan_that_catches_controls_leaves_the_core_whole() -> None:
    """What catches them is their fault."""
    for seed in range(CONTROL_SEEDS // 5):
        assert World(seed, WHOLE, slow_venue()).run() == [], f"seed {seed}"


def test_everything_is_closed_whatever_goes_wrong() -> None:
    """Over crashes, lost answers and fills that race: all of ours, once, and nothing else."""
    closed = 0
    for seed in range(LIQUIDATIONS):
        plan = random_plan(random.Random(seed))
        plan.faults.liquidate_share = 1.0
        world = World(seed, WHOLE, plan)
        assert world.run() == [], f"seed {seed}"
        closed += world.counts["liquidations"]
    assert closed == LIQUIDATIONS


def test_a_seed_is_one_run_for_ever() -> None:
    """The same orders, trades and faults, however often it is replayed."""
    first, second = World(11, WHOLE), World(11, WHOLE)
    assert first.run() == second.run()
    assert first.counts == second.counts
    assert first.effects_seen == second.effects_seen


def calm_plan(injured: int = -1, injury: Injury | None = None) -> Plan:
    """Return a plan in which nothing goes wrong but one effect."""
    return Plan(Faults(), SCENARIO_TIME, injured_effect=injured, injury=injury)


@pytest.mark.parametrize("injury", Injury)
def test_any_one_effect_may_fail(injury: Injury) -> None:
    """Each effect of a scenario in turn fails, is the last or the next to last, or hangs."""
    scenario = World(SCENARIO_SEED, WHOLE, calm_plan())
    assert scenario.run() == []
    assert scenario.counts["trades"]
    wrong = {
        number: found
        for number in range(1, scenario.effects_seen + 1)
        if (found := World(SCENARIO_SEED, WHOLE, calm_plan(number, injury)).run())
    }
    assert not wrong
