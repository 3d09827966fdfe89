"""Protective pairs: a stop and a target over the same lots, of which the venue lets one trade.

A pair is an OCO list of the venue (one cancels the other, `binance-spot.md` 7.5): two orders,
placed by one request and refused by one answer, that lock the lots once. What happens to it:

- **One leg triggers or trades**: as soon as the stop is triggered, or the target trades for the
  first time (in part, too), the other leg becomes EXPIRED with the reason `OCO_TRIGGER`. A target
  that has traded in part goes on alone: what is left of it has **no stop** any more. Whoever wants
  one cancels the rest and places a new pair, or a stop, over it. The venue's documents say that
  one leg's activation cancels the other, and not whether a part is one: should the stop live on,
  its own reports say so, and nothing here may assume either.
- **A stop that triggers** is a market order (or a limit order, which may never trade) from then on.
  Its report says first that it works (`is_waiting` false), then what it traded.
- **A cancel** of the list, or of either leg, cancels both. It is refused as not open when a leg
  has ended meanwhile: query both legs then, one of them may have traded.
- **Reports** of the legs come as those of any order and are the truth about them; fills are booked
  by them alone. `OrderListReport` says only what has become of the list: WORKING when it was
  placed, DONE when no second leg is left that could trade. It comes after the legs' reports of the
  same moment.
- **Queries**: the list is found by its own client id, and names its legs; what became of a leg is
  asked of the leg. Like any client id, that of a list is free again once it is done, so no list is
  ever sent again; one whose answer was lost is looked for behind the time fence.
"""

import enum
from typing import Final

import msgspec

from genesis.domain.orders import (
    ExecutionReport,
    OrderIntent,
    OrderType,
    Side,
    SignalAction,
)
from genesis.units import Nanos, Price

TARGET_TYPES: Final = frozenset(
    {OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)

_COMMON: Final = ("strategy_id", "symbol", "instrument_id", "side", "action", "quantity")


class OrderListState(enum.IntEnum):
    """What a list is doing, as the venue says it.

    WORKING: its legs are open. DONE: both have ended, however. REJECTED: it was refused.
    """

    WORKING = 1
    DONE = 2
    REJECTED = 3


class OrderListIntent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A stop and a target over one quantity, not yet judged by the risk engine.

    Each leg is an intent with a client id of its own (`order_ids.order_list_ids`); only one of them
    ever trades, but for a target whose partial fill has ended the stop.
    """

    list_client_order_id: str
    stop: OrderIntent
    target: OrderIntent

    @property
    def legs(self) -> tuple[OrderIntent, OrderIntent]:
        """Return both legs, the stop first."""
        return self.stop, self.target

    @property
    def symbol(self) -> str:
        """Return what is protected."""
        return self.stop.symbol


class OrderListLeg(msgspec.Struct, frozen=True, gc=False):
    """One order of a list, as the venue names it."""

    client_order_id: str
    venue_order_id: int


class OrderListReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of a list: a reply, a user event or the result of a query.

    `reports` are those of the legs where the venue gives them (placement and cancel), in the order
    of `legs`; a query and a user event give none.
    """

    list_client_order_id: str
    venue_list_id: int
    symbol: str
    state: OrderListState
    legs: tuple[OrderListLeg, ...]
    event_at: Nanos
    received_at: Nanos
    reports: tuple[ExecutionReport, ...] = ()


def form_error(intent: OrderListIntent) -> str:
    """Return what is wrong with a pair by its mere form; "" if nothing is.

    The venue wants a sale's limit above and its stop below the last price; where the last price is,
    only the venue can tell.
    """
    stop, target = intent.stop, intent.target
    ids = (intent.list_client_order_id, stop.client_order_id, target.client_order_id)
    unlike = next((name for name in _COMMON if getattr(stop, name) != getattr(target, name)), "")
    faults = {
        f"the stop is a {stop.order_type.name}": not stop.order_type.is_stop,
        f"the target is a {target.order_type.name}": target.order_type not in TARGET_TYPES,
        f"the legs differ in {unlike}": bool(unlike),
        "it does not close a position": (stop.side, stop.action) != (Side.SELL, SignalAction.EXIT),
        "two of its ids are the same": len(set(ids)) != len(ids),
        "the stop is not below the target": not 0 < stop.trigger_price < _least_price(target),
    }
    return next((fault for fault, is_found in faults.items() if is_found), "")


def _least_price(target: OrderIntent) -> Price:
    """Return the lower of the prices that a target names: it waits for one, is bound by another."""
    return min((price for price in (target.trigger_price, target.limit_price) if price), default=0)
