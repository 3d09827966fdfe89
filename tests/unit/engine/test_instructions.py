"""Commands that a child carries out for an operator, and what becomes of them."""

import asyncio

import pytest

from genesis.engine import instructions
from genesis.engine.control import Instruct, Instructed
from genesis.engine.instructions import Instructions
from genesis.errors import GenesisError, UsageError
from genesis.limits import INSTRUCTIONS_MAX


class Child:
    """Hears commands, and answers when it is told to."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.heard: list[Instruct] = []
        self._is_there = is_there
        self.instructions = Instructions(self._hear)

    def _hear(self, message: Instruct) -> bool:
        self.heard.append(message)
        return self._is_there


async def test_an_answer_finds_who_asked() -> None:
    """Two commands at once: each has its own answer, in whatever order they come."""
    child = Child()
    first = asyncio.create_task(child.instructions.carry_out("execute", {"side": "buy"}))
    second = asyncio.create_task(child.instructions.carry_out("cancel_parent", {}))
    await asyncio.sleep(0)
    one, two = child.heard

    child.instructions.take(Instructed(two.number, error="no such parent"))
    child.instructions.take(Instructed(one.number, {"parent": 7}))
    child.instructions.take(Instructed(99, {"parent": 8}))

    assert await first == {"parent": 7}
    with pytest.raises(UsageError, match="no such parent"):
        await second
    assert (one.command, one.words) == ("execute", {"side": "buy"})
    child.instructions.take(Instructed(one.number, {"parent": 7}))  # nobody waits any more


async def test_a_child_that_is_not_there_is_said() -> None:
    """Nothing is kept to be sent later."""
    child = Child(is_there=False)
    with pytest.raises(GenesisError, match="not there now"):
        await child.instructions.carry_out("execute", {})


async def test_no_answer_is_not_taken_for_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told to look: it may have been carried out."""
    monkeypatch.setattr(instructions, "INSTRUCTION_TIMEOUT_S", 0)
    child = Child()
    with pytest.raises(GenesisError, match="shows whether it obeyed"):
        await child.instructions.carry_out("execute", {})


async def test_commands_under_way_are_bounded() -> None:
    """An operator's script that asks and asks is told to wait."""
    child = Child()
    asked = [
        asyncio.create_task(child.instructions.carry_out("execute", {}))
        for _ in range(INSTRUCTIONS_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="too many"):
        await child.instructions.carry_out("execute", {})
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
