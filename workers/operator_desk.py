"""An operator's commands to the executor, as the parent passes them on."""

from collections.abc import Mapping
from functools import partial

from genesis.engine.control import Instruct, Instructed
from genesis.engine.engine import TradingEngine
from genesis.engine.slicing.wish import wish_of
from genesis.errors import UsageError
from genesis.units import text_from_fixed
from workers.executor_market import MarketView

_Result = dict[str, str | int]


class OperatorDesk:
    """Carries commands out, one at a time, and answers each."""

    def __init__(self, engine: TradingEngine, market: MarketView) -> None:
        self._engine = engine
        self._market = market
        self._handlers = {
            "execute": self._open_parent,
            "cancel_parent": self._cancel_parent,
            "kill": self._liquidate,
            "resume": self._resume,
        }

    async def obey(self, told: Instruct) -> Instructed:
        """Carry one command out; what was not obeyed is said, and has changed nothing."""
        handle = self._handlers.get(told.command)
        if handle is None:
            return Instructed(told.number, error=f"unknown command {told.command!r}")
        try:
            return Instructed(told.number, await handle(told.words))
        except UsageError as error:
            return Instructed(told.number, error=str(error))

    async def _open_parent(self, words: Mapping[str, str]) -> _Result:
        wish = wish_of(words)
        slicing, state = self._engine.core.slicing, self._engine.core.ledger.state
        wanted = slicing.instrument_of(wish)
        facts = self._market.facts([] if wanted is None else [wanted])
        await self._engine.decide(partial(slicing.open, wish, facts))
        number = state.parents_opened
        parent = state.parents.get(number) or state.ended_parents[number]
        return {
            "parent": parent.number,
            "side": parent.side.name.lower(),
            "symbol": parent.symbol,
            "algorithm": parent.plan.algorithm.value,
            "quantity": text_from_fixed(parent.quantity),
            "arrival_price": text_from_fixed(parent.arrival_price),
        }

    async def _liquidate(self, words: Mapping[str, str]) -> _Result:
        """Have everything closed; that it is under way already is what was asked for."""
        if not self._engine.core.liquidation.is_on:
            await self._engine.halt(words.get("reason", "killed"), must_liquidate=True)
        return {}

    async def _resume(self, words: Mapping[str, str]) -> _Result:
        state = self._engine.core.ledger.state
        accepts = words.get("accept_differences") == "yes"
        if not (state.halt_reason or state.halted_strategies or accepts):
            raise UsageError("nothing is halted")
        comparison = self._engine.core.comparison
        if accepts and comparison.differences and not comparison.stands(self._engine.now()):
            raise UsageError("the balances differ, but not for long enough: ask again in 10 s")
        await self._engine.resume(accept_differences=accepts)
        return {"state": self._engine.state.name}

    async def _cancel_parent(self, words: Mapping[str, str]) -> _Result:
        text = words.get("number", "")
        slicing, state = self._engine.core.slicing, self._engine.core.ledger.state
        if not text.isdecimal() or int(text) not in state.parents:
            known = ", ".join(map(str, state.parents)) or "none"
            raise UsageError(f"no parent order {text!r} is worked: {known}")
        await self._engine.decide(partial(slicing.cancel, int(text)))
        return {"parent": int(text)}
