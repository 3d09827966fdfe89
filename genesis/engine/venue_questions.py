"""Questions to the venue that belong together, each asked on one path (I/O).

What follows from several answers follows only if one server gave them: `Gateway.on_one_path` calls
these functions with one way after the other, until one answers everything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec

from genesis.domain.orders import ExecutionReport, Fill
from genesis.engine.effects import QueryOrder, Reconcile, answer_behind_cancel
from genesis.engine.reconciliation import VenueView
from genesis.exchange.gateway import Account, Found, NoAnswer, NotFound, VenuePath
from genesis.limits import READ_PATIENCE, READ_TRIES
from genesis.units import NANOS_PER_SECOND

_T = TypeVar("_T")


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


async def fetch_view(asked: Reconcile, path: VenuePath) -> VenueView | NoAnswer:
    """Read all that reconciliation compares with; nothing, where one part is not answered."""
    venue_ms = await _insist(path.venue_time_ms)
    if isinstance(venue_ms, NoAnswer):
        return venue_ms
    open_orders = await _insist(partial(path.open_orders, None))
    if isinstance(open_orders, NoAnswer):
        return open_orders
    orders: list[ExecutionReport] = []
    for symbol, since in asked.orders_from:
        listed = await _insist(partial(path.orders_since, symbol, since))
        if isinstance(listed, NoAnswer):
            return listed
        orders += listed
    trades: list[Fill] = []
    for symbol, from_id in asked.trades_from:
        made = await _insist(partial(path.trades_since, symbol, from_id))
        if isinstance(made, NoAnswer):
            return made
        trades += made
    account = await _insist(path.account)
    if isinstance(account, NoAnswer):
        return account
    return VenueView(
        venue_ms=venue_ms,
        open_orders=open_orders,
        orders=tuple(orders),
        trades=tuple(trades),
        balances=_totals(account),
    )


async def _insist(ask: Callable[[], Awaitable[_T | NoAnswer]]) -> _T | NoAnswer:
    """Put a question again where no answer comes: one lost reply must not spoil a whole view."""
    for _ in range(READ_TRIES - 1):
        try:
            async with asyncio.timeout(READ_PATIENCE / NANOS_PER_SECOND):
                answer = await ask()
        except TimeoutError:
            continue
        if not isinstance(answer, NoAnswer):
            return answer
    return await ask()


def _totals(account: Account) -> dict[str, int]:
    return {balance.asset: balance.free + balance.locked for balance in account.balances}
