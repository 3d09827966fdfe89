"""Commands of an operator that a child carries out, and the answers that come back (I/O).

A child that dies with a command under way does not answer. Whether it was carried out is then in
the journal, so the operator is told to look, and nothing is asked twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

from genesis.engine.control import Instruct, Instructed
from genesis.errors import GenesisError, UsageError
from genesis.limits import INSTRUCTION_TIMEOUT_S, INSTRUCTIONS_MAX


class Instructions:
    """The commands under way to one child. `send` hands it a message; False if it cannot hear."""

    def __init__(self, send: Callable[[Instruct], bool]) -> None:
        self._send = send
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Instructed]] = {}

    async def carry_out(self, command: str, words: Mapping[str, str]) -> Mapping[str, object]:
        """Have a command carried out, and return its result.

        Raises:
            UsageError: The child would not, and why.
            GenesisError: It cannot be asked now, or did not answer.
        """
        if len(self._waiting) >= INSTRUCTIONS_MAX:
            raise UsageError("too many commands are under way: ask again")
        number = next(self._numbers)
        answer: asyncio.Future[Instructed] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            if not self._send(Instruct(number, command, dict(words))):
                raise GenesisError("the executor is not there now: ask again when it is")
            async with asyncio.timeout(INSTRUCTION_TIMEOUT_S):
                told = await answer
        except TimeoutError:
            raise GenesisError(
                "the executor did not answer; `genesis status` shows whether it obeyed"
            ) from None
        finally:
            del self._waiting[number]
        if told.error:
            raise UsageError(told.error)
        return told.result

    def take(self, told: Instructed) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        answer = self._waiting.get(told.number)
        if answer is not None and not answer.done():
            answer.set_result(told)
