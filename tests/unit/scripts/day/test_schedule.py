"""`scripts.day.schedule` and `scale`: everything once a day, as venue and engine take it."""

from itertools import pairwise
from random import Random

import msgspec
import pytest

from genesis.config_loading import load_settings
from genesis.venue.fault_documents import read_faults
from scripts.day.scale import Scale
from scripts.day.schedule import Planned, api_away, halt, least_day_s, other_rules, plan_day

SHORT = Scale(day_s=least_day_s(), life_s=3)
LONG = Scale(day_s=60, life_s=60)
APART = {"418 ban", "429 with -1003", "clock back", "clock forward", "clock slips back"}


def days(seed: int, scale: Scale = SHORT) -> list[list[Planned]]:
    """Return two days of a seed."""
    chance = Random(seed)
    return [plan_day(chance, number, scale) for number in range(2)]


def test_a_seed_repeats_its_days_and_no_day_the_one_before() -> None:
    """What was found once can be looked for again."""
    assert days(1) == days(1)
    assert days(1) != days(2)
    first, second = days(1)
    assert [fault.name for fault in first] != [fault.name for fault in second]


@pytest.mark.parametrize("scale", [SHORT, LONG], ids=["short", "long"])
def test_every_fault_comes_once_a_day_within_it(scale: Scale) -> None:
    """In the order of their times; other rules come a few times on end."""
    for seed in range(20):
        first, second = days(seed, scale)
        assert {fault.name for fault in first} == {fault.name for fault in second}
        for day in (first, second):
            times = [fault.in_ms for fault in day]
            assert times == sorted(times)
            assert 0 <= times[0] <= times[-1] <= 1_000 * scale.day_s
            once = [fault.name for fault in day if fault.name != "rules changed"]
            assert len(once) == len(set(once))


def test_a_clock_is_not_set_while_a_refusal_lasts() -> None:
    """A client could not keep to a time that the venue itself takes back."""
    for seed in range(50):
        apart = [fault for fault in days(seed)[0] if fault.name in APART]
        for fault, later in pairwise(apart):
            assert later.in_ms >= fault.in_ms + float(fault.document.get("for_ms", 0))


def test_the_venue_takes_every_document() -> None:
    """Whatever can be planned is a fault that it knows, with fields that it has."""
    planned = [*days(1)[0], *api_away(SHORT), *other_rules(), halt("SOLUSDT", 1_000.0)]
    read = read_faults(msgspec.json.encode([fault.document for fault in planned]))
    assert len(read) == len(planned)
    assert [fault.in_ms for fault in read] == [fault.in_ms for fault in planned]


def test_a_fault_says_when_it_comes_and_what_it_is() -> None:
    """One line each, for whoever reads a run."""
    fault = halt("SOLUSDT", 1_000.0, 1_250.0)
    assert str(fault) == "   1.250 s  symbol halted: symbol_halted symbol=SOLUSDT for_ms=400.0"
    assert fault.at_once().in_ms == 0


@pytest.mark.parametrize("scale", [SHORT, LONG], ids=["short", "long"])
def test_the_engine_takes_the_settings(scale: Scale) -> None:
    """Rotation comes before the announced end, silence is some pings long."""
    overrides = [f"{name}={value}" for name, value in scale.settings(seed=1).items()]
    settings = load_settings(None, overrides)

    assert settings.connections.rotate_after_s < scale.life_s - settings.venue.shutdown_lead_s
    assert settings.connections.silence_max_s >= 3 * settings.venue.ping_interval_s
    assert settings.exchange.time_unit == "microsecond"
    assert settings.venue.limits.connections == 300
    assert settings.venue.limits.connections_window_s == 300
    assert f"rotation at {scale.rotate_after_s} s" in str(scale)
