"""The tables of legal moves."""

import asyncio

import pytest

from genesis.domain.orders import TERMINAL_STATES, OrderState
from genesis.engine.state_machine import (
    EngineState,
    IllegalMove,
    can_move,
    next_engine_state,
    requires_state,
)


def test_every_live_order_can_end() -> None:
    """No state that is not terminal is a dead end."""
    for state in set(OrderState) - TERMINAL_STATES:
        assert any(can_move(state, end) for end in TERMINAL_STATES)


def test_a_terminal_order_stays_what_it_is() -> None:
    """Only an order proven dead may be resurrected, and never by a refusal."""
    for state in TERMINAL_STATES - {OrderState.NOT_EXECUTED}:
        assert not any(can_move(state, other) for other in OrderState)
    assert can_move(OrderState.NOT_EXECUTED, OrderState.FILLED)
    assert not can_move(OrderState.NOT_EXECUTED, OrderState.REJECTED)


def test_an_order_the_venue_took_is_never_declared_dead() -> None:
    """NOT_EXECUTED can be reached only while no answer has come."""
    ways_in = {state for state in OrderState if can_move(state, OrderState.NOT_EXECUTED)}
    assert ways_in == {OrderState.PREPARED, OrderState.OUTCOME_UNKNOWN}


def test_the_engine_moves_by_its_table() -> None:
    """A stop is final, and a halt is left only by a person's word."""
    assert next_engine_state(EngineState.HALTED, EngineState.RUNNING) is EngineState.RUNNING
    assert next_engine_state(EngineState.RUNNING, EngineState.RUNNING) is EngineState.RUNNING
    with pytest.raises(IllegalMove, match="STOPPED and cannot become RUNNING"):
        next_engine_state(EngineState.STOPPED, EngineState.RUNNING)


class Machine:
    """Something with a state."""

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self.ran = 0

    @requires_state(EngineState.RUNNING, EngineState.REDUCING)
    async def trade(self, lots: int) -> int:
        """Trade."""
        self.ran += 1
        return lots


def test_a_guarded_method_runs_only_in_its_states() -> None:
    """In another state it raises before anything of it has run."""
    assert asyncio.run(Machine(EngineState.RUNNING).trade(3)) == 3
    halted = Machine(EngineState.HALTED)
    with pytest.raises(IllegalMove, match="trade needs the engine RUNNING or REDUCING"):
        asyncio.run(halted.trade(1))
    assert halted.ran == 0
