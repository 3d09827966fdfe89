"""The two tables of legal moves: an order's life cycle, and the engine's own run state."""

import enum
import functools
from collections.abc import Callable, Coroutine
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from genesis.domain.orders import TERMINAL_STATES, OrderState
from genesis.errors import GenesisError

_S = OrderState
_FROM_VENUE: Final = frozenset(
    {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED}
)

# A user event can overtake the reply to the request that caused it, so every state that has not
# ended may become whatever the venue reports. NOT_EXECUTED needs proof and so has few ways in:
# from PREPARED (never sent) and from OUTCOME_UNKNOWN (not found behind the time fence).
ORDER_MOVES: Final[dict[OrderState, frozenset[OrderState]]] = {
    _S.PREPARED: _FROM_VENUE | {_S.OUTCOME_UNKNOWN, _S.NOT_EXECUTED},
    _S.OUTCOME_UNKNOWN: _FROM_VENUE | {_S.NOT_EXECUTED},
    _S.ACCEPTED: _FROM_VENUE - {_S.ACCEPTED, _S.REJECTED} | {_S.PENDING_CANCEL},
    _S.PARTIALLY_FILLED: frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED, _S.PENDING_CANCEL}),
    # A fill can overtake our cancel on its way to the venue; a refused cancel puts the order back.
    _S.PENDING_CANCEL: frozenset(
        {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED}
    ),
    _S.FILLED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    # The resurrection rule: should the venue break its own time bound, the order is adopted.
    _S.NOT_EXECUTED: _FROM_VENUE - {_S.REJECTED},
}
assert ORDER_MOVES.keys() == set(OrderState), "every state has a row"
assert all(not ORDER_MOVES[state] for state in TERMINAL_STATES - {_S.NOT_EXECUTED}), (
    "no way out of a terminal state but the resurrection rule"
)


def can_move(current: OrderState, reported: OrderState) -> bool:
    """Tell whether an order now in `current` may move to `reported`."""
    return reported in ORDER_MOVES[current]


class EngineState(enum.IntEnum):
    """What the engine as a whole may do.

    RECOVERING: positions and orders are being read back, nothing is judged. RUNNING: trades.
    REDUCING: only orders that shrink a position pass. HALTED: as REDUCING, until a person resumes.
    STOPPING: nothing new is taken in; what is in flight is followed to its end.
    """

    RECOVERING = 1
    RUNNING = 2
    REDUCING = 3
    HALTED = 4
    STOPPING = 5
    STOPPED = 6


_E = EngineState
TRADING_STATES: Final = (_E.RUNNING, _E.REDUCING, _E.HALTED)
"""In which signals are judged and orders sent, each as far as its state lets it."""
ENGINE_MOVES: Final[dict[EngineState, frozenset[EngineState]]] = {
    _E.RECOVERING: frozenset({_E.RUNNING, _E.REDUCING, _E.HALTED, _E.STOPPING}),
    _E.RUNNING: frozenset({_E.REDUCING, _E.HALTED, _E.STOPPING}),
    _E.REDUCING: frozenset({_E.RUNNING, _E.HALTED, _E.STOPPING}),
    _E.HALTED: frozenset({_E.RUNNING, _E.STOPPING}),
    _E.STOPPING: frozenset({_E.STOPPED}),
    _E.STOPPED: frozenset(),
}
assert ENGINE_MOVES.keys() == set(EngineState), "every state has a row"


class IllegalMove(GenesisError):
    """The engine was asked for a change of state, or for work, that its state does not allow."""


def next_engine_state(current: EngineState, wanted: EngineState) -> EngineState:
    """Return `wanted` if the engine may move there (or is there already).

    Raises:
        IllegalMove: The table has no such move.
    """
    if wanted is current or wanted in ENGINE_MOVES[current]:
        return wanted
    raise IllegalMove(f"the engine is {current.name} and cannot become {wanted.name}")


class _HasState(Protocol):
    @property
    def state(self) -> EngineState: ...


_Self = TypeVar("_Self", bound=_HasState)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def requires_state(
    *states: EngineState,
) -> Callable[
    [Callable[Concatenate[_Self, _Arguments], Coroutine[object, object, _Result]]],
    Callable[Concatenate[_Self, _Arguments], Coroutine[object, object, _Result]],
]:
    """Let a coroutine method of the engine run only while the engine is in one of `states`.

    Calling it in another state raises IllegalMove before any of the method has run.
    """
    assert states, "at least one state must allow the call"

    def decorate(
        method: Callable[Concatenate[_Self, _Arguments], Coroutine[object, object, _Result]],
    ) -> Callable[Concatenate[_Self, _Arguments], Coroutine[object, object, _Result]]:
        @functools.wraps(method)
        async def guarded(
            self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
        ) -> _Result:
            if self.state not in states:
                allowed = " or ".join(state.name for state in states)
                raise IllegalMove(
                    f"{method.__name__} needs the engine {allowed}, it is {self.state.name}"
                )
            return await method(self, *args, **kwargs)

        return guarded

    return decorate
