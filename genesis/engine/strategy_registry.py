"""Which strategy runs where, and whether it runs: numbers, shards and states of the roster.

The parent keeps a registry of the whole roster and deals it to its workers; each worker keeps one
of its own shard.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from genesis.errors import ConfigError
from genesis.limits import ROSTER_NUMBER_MAX, SHARD_OVERLOAD
from genesis.strategies.base import StrategySpec


class StrategyStatus(enum.StrEnum):
    """Whether a strategy is called.

    PAUSED: the operator said so. QUARANTINED: it raised, or broke a limit, too often; its shard
    runs on.
    """

    RUNNING = "running"
    PAUSED = "paused"
    QUARANTINED = "quarantined"


S = StrategyStatus

# A quarantined strategy is not paused: resuming it must stay a decision about its faults.
_NEXT: Final[Mapping[StrategyStatus, frozenset[StrategyStatus]]] = {
    S.RUNNING: frozenset({S.PAUSED, S.QUARANTINED}),
    S.PAUSED: frozenset({S.RUNNING, S.QUARANTINED}),
    S.QUARANTINED: frozenset({S.RUNNING}),
}
assert _NEXT.keys() == set(S), "every status has a row"


class StrategyRegistry:
    """The strategies of a roster (or of one shard of it), each in one shard and one status."""

    def __init__(self, shards: Sequence[Sequence[StrategySpec]]) -> None:
        """Register strategies as dealt: the index of a shard is the index of its worker."""
        self._specs: dict[str, StrategySpec] = {}
        self._shards: dict[str, int] = {}
        for index, shard in enumerate(shards):
            for spec in shard:
                assert spec.strategy_id not in self._specs, "a strategy has one place"
                self._specs[spec.strategy_id] = spec
                self._shards[spec.strategy_id] = index
        self._by_number = {spec.number: spec for spec in self._specs.values()}
        assert len(self._by_number) == len(self._specs), "a number names one strategy"
        self._status = dict.fromkeys(self._specs, StrategyStatus.RUNNING)

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def specs(self) -> tuple[StrategySpec, ...]:
        """All strategies, shard by shard."""
        return tuple(self._specs.values())

    def shard(self, index: int) -> tuple[StrategySpec, ...]:
        """Return the strategies of one worker."""
        return tuple(
            spec for strategy_id, spec in self._specs.items() if self._shards[strategy_id] == index
        )

    def shard_of(self, strategy_id: str) -> int | None:
        """Return the worker a strategy runs in; None for a stranger."""
        return self._shards.get(strategy_id)

    def by_id(self, strategy_id: str) -> StrategySpec | None:
        """Return a strategy by its name."""
        return self._specs.get(strategy_id)

    def by_number(self, number: int) -> StrategySpec | None:
        """Return a strategy by its permanent number."""
        return self._by_number.get(number)

    def status(self, strategy_id: str) -> StrategyStatus:
        """Return a strategy's status."""
        return self._status[strategy_id]

    def count(self, status: StrategyStatus) -> int:
        """Return how many strategies have a status."""
        return sum(one is status for one in self._status.values())

    def move(self, strategy_id: str, status: StrategyStatus) -> bool:
        """Give a strategy another status; False if there is no such strategy or no such move."""
        current = self._status.get(strategy_id)
        if current is None or status not in _NEXT[current]:
            return False
        self._status[strategy_id] = status
        return True


def assign_numbers(existing: Mapping[str, int], strategy_ids: Iterable[str]) -> dict[str, int]:
    """Return `existing` with the next free number for each strategy it does not know.

    Numbers begin at 1 and are never used again, also when their strategy has left the roster:
    orders, positions and client order ids name it for ever.

    Raises:
        ConfigError: No number is left.
    """
    numbers = dict(existing)
    last = max(numbers.values(), default=0)
    for strategy_id in strategy_ids:
        if strategy_id not in numbers:
            last += 1
            numbers[strategy_id] = last
    if last > ROSTER_NUMBER_MAX:
        raise ConfigError(
            f"strategies: number {last} is beyond {ROSTER_NUMBER_MAX}, the last one; "
            "give new strategies the names of old ones that are no longer used"
        )
    return numbers


def deal_shards(
    specs: Iterable[StrategySpec], shard_count: int, costs: Mapping[str, float]
) -> list[tuple[StrategySpec, ...]]:
    """Deal strategies to `shard_count` workers: equal load, instruments kept together.

    `costs` gives each strategy's share of a worker's time in any unit; one that is not named costs
    as much as the mean. An instrument's strategies share its indicators, so the workers are filled
    instrument by instrument; where a whole one would overfill a worker by more than
    `SHARD_OVERLOAD`, it is split. The same roster is always dealt alike, and no shard is empty.
    """
    roster = sorted(specs, key=lambda spec: (spec.symbol, spec.number))
    assert 1 <= shard_count <= len(roster), "every shard gets a strategy"
    known = [costs[spec.strategy_id] for spec in roster if spec.strategy_id in costs]
    mean = sum(known) / len(known) if known else 1.0
    fill = _ShardFill(shard_count, sum(costs.get(spec.strategy_id, mean) for spec in roster))
    left = len(roster)
    for _, instrument in groupby(roster, key=lambda spec: spec.symbol):
        group = [(spec, costs.get(spec.strategy_id, mean)) for spec in instrument]
        weight = sum(weight for _, weight in group)
        is_whole = fill.make_room(weight)
        for spec, share in group:
            if not is_whole:
                fill.open_next_if_full(share)
            fill.add(spec, share, left)
            left -= 1
    return [tuple(shard) for shard in fill.shards]


class _ShardFill:
    """Shards filled one after the other, each to its fair share of what is left."""

    def __init__(self, shard_count: int, weight: float) -> None:
        self.shards: list[list[StrategySpec]] = [[]]
        self._shard_count = shard_count
        self._weight_left = weight  # of this shard and those to come
        self._load = 0.0

    @property
    def _shards_to_come(self) -> int:
        return self._shard_count - len(self.shards)

    @property
    def _fair_share(self) -> float:
        return self._weight_left / (self._shards_to_come + 1)

    def make_room(self, weight: float) -> bool:
        """Tell whether a whole instrument may go to the present shard; open another if that helps.

        It helps if the present one is about full: else the shards to come would have to take what
        this one does not.
        """
        if self._load >= self._fair_share * (1 - SHARD_OVERLOAD):
            self.open_next_if_full(weight)
        return self._load + weight <= self._fair_share * (1 + SHARD_OVERLOAD)

    def open_next_if_full(self, weight: float) -> None:
        """Begin another shard if the present one is nearer to its fair share without `weight`."""
        is_nearer = self._load + weight / 2 > self._fair_share
        if self.shards[-1] and self._shards_to_come and is_nearer:
            self._open_next()

    def add(self, spec: StrategySpec, weight: float, strategies_left: int) -> None:
        """Put a strategy into the present shard, or a new one if the last ones need one each."""
        if self.shards[-1] and strategies_left <= self._shards_to_come:
            self._open_next()
        self.shards[-1].append(spec)
        self._load += weight

    def _open_next(self) -> None:
        self._weight_left -= self._load
        self._load = 0.0
        self.shards.append([])
