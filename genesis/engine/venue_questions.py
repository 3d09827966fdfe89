"""Questions to the venue that belong together, each asked on one path (I/O).

What follows from several answers follows only if one server gave them: `Gateway.on_one_path` calls
these functions with one way after the other, until one answers everything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final, TypeVar

import msgspec

from genesis.engine.effects import QueryOrder, Reconcile, answer_behind_cancel
from genesis.engine.reconciliation import VenueView
from genesis.exchange.gateway import Account, Found, NoAnswer, NotFound, NotListed, VenuePath
from genesis.limits import READ_PATIENCE, READ_TRIES
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_T = TypeVar("_T")

_MS_PER_SECOND: Final = 1_000


class Sighting(msgspec.Struct, frozen=True):
    """What the venue said of one order, and its clock as read before it was asked."""

    outcome: Found | NotFound
    venue_ms: int


async def look_up_order(asked: QueryOrder, path: VenuePath) -> Sighting | NoAnswer:
    """Read the venue's clock, then the order: a fence proves nothing the other way round."""
    venue_ms = await path.venue_time_ms()
    if isinstance(venue_ms, NoAnswer):
        return venue_ms
    canceled = None
    if asked.cancel_first:
        canceled = await path.cancel(asked.symbol, asked.client_order_id)
    outcome = await path.query(asked.symbol, asked.client_order_id)
    if canceled is not None:
        outcome = answer_behind_cancel(canceled, outcome)
    return outcome if isinstance(outcome, NoAnswer) else Sighting(outcome, venue_ms)


async def read_account(path: VenuePath) -> Account | NoAnswer:
    """Read whose account it is and what it holds."""
    return await _insist(path.account, None)


async def fetch_view(asked: Reconcile, held_max: Nanos, path: VenuePath) -> VenueView | NoAnswer:
    """Read all that reconciliation compares with; nothing, where one part is not answered.

    A view of many symbols weighs more than may be asked within one of the venue's windows: a
    question that is held is put when it may be, unless that is further off than `held_max`. What is
    asked of a symbol that has left the listing is answered: there is nothing more to come of it.
    """
    venue_ms = await _insist(path.venue_time_ms, None)
    if isinstance(venue_ms, NoAnswer):
        return venue_ms
    until_free = _Wait(venue_ms, held_max)
    open_orders = await _insist(partial(path.open_orders, None), until_free)
    if isinstance(open_orders, NoAnswer):
        return open_orders
    unlisted: set[str] = set()
    orders = await _of_symbols(path.orders_since, asked.orders_from, until_free, unlisted)
    if isinstance(orders, NoAnswer):
        return orders
    trades = await _of_symbols(path.trades_since, asked.trades_from, until_free, unlisted)
    if isinstance(trades, NoAnswer):
        return trades
    account = await _insist(path.account, until_free)
    if isinstance(account, NoAnswer):
        return account
    return VenueView(
        venue_ms=venue_ms,
        open_orders=open_orders,
        orders=orders,
        trades=trades,
        unlisted=frozenset(unlisted),
        balances=_totals(account),
        balances_at=account.updated_at or venue_ms * NANOS_PER_MS,
    )


async def _of_symbols(
    ask: Callable[[str, int], Awaitable[tuple[_T, ...] | NotListed | NoAnswer]],
    questions: Iterable[tuple[str, int]],
    wait: "_Wait",
    unlisted: set[str],
) -> tuple[_T, ...] | NoAnswer:
    """Put one question for each symbol, and return what all the answers list together."""
    rows: list[_T] = []
    for symbol, since in questions:
        answer: tuple[_T, ...] | NotListed | NoAnswer
        answer = await _insist(partial(ask, symbol, since), wait)
        if isinstance(answer, NoAnswer):
            return answer
        if isinstance(answer, NotListed):
            unlisted.add(symbol)
        else:
            rows += answer
    return tuple(rows)


class _Wait:
    """Waits for the venue's time to reach a moment, but for no longer than `longest`."""

    def __init__(self, venue_ms: int, longest: Nanos) -> None:
        """Take the venue's time as it is now."""
        self._longest = longest / NANOS_PER_SECOND
        self._time = asyncio.get_running_loop().time
        self._epoch = venue_ms / _MS_PER_SECOND - self._time()

    async def until(self, venue_ms: int) -> bool:
        """Return True at that moment; False, at once, if it is too far off."""
        seconds = venue_ms / _MS_PER_SECOND - self._epoch - self._time()
        if seconds > self._longest:
            return False
        await asyncio.sleep(max(0, seconds))
        return True


async def _insist(ask: Callable[[], Awaitable[_T | NoAnswer]], wait: _Wait | None) -> _T | NoAnswer:
    """Put a question again where no answer comes: one lost reply must not spoil a whole view.

    One that is held until a time is put again at that time, if that can be waited for.
    """
    for _ in range(READ_TRIES - 1):
        try:
            async with asyncio.timeout(READ_PATIENCE / NANOS_PER_SECOND):
                answer = await ask()
        except TimeoutError:
            continue
        if not isinstance(answer, NoAnswer):
            return answer
        if answer.retry_at_ms and (wait is None or not await wait.until(answer.retry_at_ms)):
            return answer
    return await ask()


def _totals(account: Account) -> dict[str, int]:
    return {balance.asset: balance.free + balance.locked for balance in account.balances}
