"""Permanent numbers, fair shards and legal moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.strategy_registry import (
    StrategyRegistry,
    StrategyStatus,
    assign_numbers,
    deal_shards,
)
from genesis.errors import ConfigError
from genesis.limits import ROSTER_NUMBER_MAX
from genesis.strategies.base import StrategySpec

RUNNING, PAUSED, QUARANTINED = StrategyStatus


def roster(symbols: list[str]) -> list[StrategySpec]:
    """Return one strategy for each symbol named, numbered from 1."""
    return [
        StrategySpec(f"s{number}", number, "ema_cross", symbol, {})
        for number, symbol in enumerate(symbols, 1)
    ]


ROSTERS = st.lists(st.sampled_from(["AUSDT", "BUSDT", "CUSDT", "DUSDT"]), min_size=1, max_size=60)


def test_new_strategies_get_the_next_numbers() -> None:
    """Numbers begin at 1 and follow the roster's order."""
    assert assign_numbers({}, ["b", "a"]) == {"b": 1, "a": 2}


def test_a_number_is_for_ever() -> None:
    """A strategy that left and came back has its old number; nobody else ever gets it."""
    first = assign_numbers({}, ["a", "b"])
    without = assign_numbers(first, ["a", "c"])
    again = assign_numbers(without, ["b", "d"])

    assert again == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_the_numbers_given_before_are_left_alone() -> None:
    """What is stored is not changed in place."""
    stored = {"a": 5}
    assert assign_numbers(stored, ["b"]) == {"a": 5, "b": 6}
    assert stored == {"a": 5}


def test_numbers_run_out() -> None:
    """A number has two bytes in every record; beyond that, the operator is told what to do."""
    full = {"last": ROSTER_NUMBER_MAX}
    assert assign_numbers(full, ["last"]) == full
    with pytest.raises(ConfigError, match=f"beyond {ROSTER_NUMBER_MAX}"):
        assign_numbers(full, ["one too many"])


@given(ROSTERS, st.data())
def test_every_strategy_is_dealt_once_and_no_shard_is_empty(
    symbols: list[str], data: st.DataObject
) -> None:
    """Whatever the roster, the costs and the number of workers."""
    specs = roster(symbols)
    shard_count = data.draw(st.integers(1, len(specs)))
    known = data.draw(
        st.dictionaries(st.sampled_from([s.strategy_id for s in specs]), st.floats(0, 9))
    )
    shards = deal_shards(specs, shard_count, known)

    assert len(shards) == shard_count
    assert all(shards)
    dealt = [spec.number for shard in shards for spec in shard]
    assert sorted(dealt) == [spec.number for spec in specs]
    assert deal_shards(reversed(specs), shard_count, known) == shards


@given(ROSTERS, st.integers(2, 5))
def test_shards_carry_equal_load(symbols: list[str], shard_count: int) -> None:
    """No shard has more than a tenth, and what one strategy weighs, above its share."""
    specs = roster(symbols * 5)
    costs = {spec.strategy_id: 1.0 + spec.number % 3 for spec in specs}
    shards = deal_shards(specs, shard_count, costs)

    fair_share = sum(costs.values()) / shard_count
    loads = [sum(costs[spec.strategy_id] for spec in shard) for shard in shards]
    assert max(loads) <= fair_share * 1.1 + max(costs.values())


def test_an_instrument_stays_together_if_it_can() -> None:
    """Twenty instruments of six strategies are dealt to two workers whole, sixty to each."""
    specs = roster([f"C{row % 20:02}USDT" for row in range(120)])
    shards = deal_shards(specs, 2, {})

    assert [len(shard) for shard in shards] == [60, 60]
    assert not {spec.symbol for spec in shards[0]} & {spec.symbol for spec in shards[1]}


def test_an_instrument_too_large_is_split() -> None:
    """One instrument for two workers is halved rather than left to one."""
    assert [len(shard) for shard in deal_shards(roster(["AUSDT"] * 10), 2, {})] == [5, 5]


def test_costly_strategies_get_more_room() -> None:
    """Load is cost, not number: three cheap strategies weigh as much as one that is dear."""
    specs = roster(["AUSDT", "BUSDT", "CUSDT", "DUSDT"])
    shards = deal_shards(specs, 2, {"s1": 3.0, "s2": 1.0, "s3": 1.0, "s4": 1.0})

    assert [[spec.number for spec in shard] for shard in shards] == [[1], [2, 3, 4]]


def test_an_unmeasured_strategy_costs_the_mean() -> None:
    """A strategy that has never run is neither free nor feared."""
    specs = roster(["AUSDT", "BUSDT", "CUSDT"])
    shards = deal_shards(specs, 3, {"s1": 1.0, "s2": 1.0})
    assert [len(shard) for shard in shards] == [1, 1, 1]


def test_the_registry_knows_where_everyone_is() -> None:
    """Strategies are found by name and number, with their worker."""
    specs = roster(["AUSDT", "BUSDT", "CUSDT"])
    registry = StrategyRegistry([specs[:2], specs[2:]])

    assert len(registry) == 3
    assert registry.specs == tuple(specs)
    assert registry.shard(1) == (specs[2],)
    assert registry.shard_of("s2") == 0
    assert registry.by_id("s3") is registry.by_number(3) is specs[2]
    assert registry.shard_of("s9") is None
    assert registry.by_id("s9") is registry.by_number(9) is None


def test_everyone_starts_running() -> None:
    """Nothing is paused or quarantined before somebody says so."""
    registry = StrategyRegistry([roster(["AUSDT", "BUSDT"])])
    assert registry.count(RUNNING) == 2
    assert registry.status("s1") is RUNNING


@pytest.mark.parametrize(
    ("path", "is_legal"),
    [
        ([PAUSED], True),
        ([QUARANTINED], True),
        ([RUNNING], False),
        ([PAUSED, RUNNING], True),
        ([PAUSED, QUARANTINED], True),
        ([PAUSED, PAUSED], False),
        ([QUARANTINED, RUNNING], True),
        ([QUARANTINED, PAUSED], False),
        ([QUARANTINED, QUARANTINED], False),
    ],
)
def test_legal_moves(path: list[StrategyStatus], *, is_legal: bool) -> None:
    """A move that is not in the table changes nothing and says so."""
    registry = StrategyRegistry([roster(["AUSDT"])])
    for status in path[:-1]:
        assert registry.move("s1", status)
    before = registry.status("s1")

    assert registry.move("s1", path[-1]) is is_legal
    assert registry.status("s1") is (path[-1] if is_legal else before)


def test_a_stranger_has_no_status_to_change() -> None:
    """An order to pause a strategy that does not exist is refused, not obeyed."""
    assert not StrategyRegistry([]).move("stranger", PAUSED)


def test_a_strategy_has_one_place() -> None:
    """Dealt twice, a strategy would signal twice: that is our bug, found at once."""
    specs = roster(["AUSDT"])
    with pytest.raises(AssertionError, match="one place"):
        StrategyRegistry([specs, specs])
    twin = StrategySpec("other", 1, "ema_cross", "AUSDT", {})
    with pytest.raises(AssertionError, match="one strategy"):
        StrategyRegistry([specs, [twin]])
