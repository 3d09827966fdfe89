"""The matching engine of one instrument: price, then time.

The public's quantity at a price is one number; clients' resting orders stand in a queue, each
knowing how much public quantity came before it (`VenueOrder.ahead`). That is the same as a queue of
public pieces and client orders in turn, and costs nothing where no client rests. The book knows
nothing of accounts, money or time: it says who traded with whom, in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, TypeAlias

import msgspec

from genesis.domain.orders import Side
from genesis.units import SCALE, Amount, Price, Quantity
from genesis.venue.book import BookSide, PriceLadder
from genesis.venue.orders import SelfTradePrevention, VenueOrder
from genesis.venue.stream_payloads import TopOfBook

_SIDES: Final = tuple(Side)  # iterating an enum costs on the hot path
_EXPIRES_MAKER: Final = frozenset(
    {SelfTradePrevention.EXPIRE_MAKER, SelfTradePrevention.EXPIRE_BOTH}
)


class Execution(msgspec.Struct):
    """One trade. `maker` or `taker` is None where that party is the public.

    `trade_id` is set when the market numbers the trade.
    """

    price: Price
    quantity: Quantity
    maker_side: Side
    maker: VenueOrder | None
    taker: VenueOrder | None
    trade_id: int = 0


class Prevention(msgspec.Struct, frozen=True):
    """A trade of an account with itself that did not happen: these orders expire instead."""

    maker: VenueOrder | None
    taker: VenueOrder | None


MatchEvent: TypeAlias = Execution | Prevention


@dataclass(slots=True)
class Taker:
    """An incoming demand: how much, down to which price, on whose behalf (None: the public's).

    `limit` None takes at any price.
    """

    side: Side
    limit: Price | None
    open_quantity: Quantity
    order: VenueOrder | None = None
    is_expired: bool = False

    def would_trade_with(self, maker: VenueOrder) -> bool:
        """Tell whether self-trade prevention lets the two trade."""
        order = self.order
        return (
            order is None
            or order.account_id != maker.account_id
            or order.stp_mode is SelfTradePrevention.NONE
        )


@dataclass(slots=True)
class _RestingSide:
    """Clients' orders of one side, in queues by price."""

    ladder: PriceLadder
    queues: dict[Price, list[VenueOrder]] = field(default_factory=dict)

    def add(self, order: VenueOrder) -> None:
        queue = self.queues.get(order.price)
        if queue is None:
            self.ladder.add(order.price)
            self.queues[order.price] = [order]
        else:
            queue.append(order)

    def remove(self, order: VenueOrder) -> None:
        queue = self.queues[order.price]
        queue.remove(order)
        if not queue:
            self.ladder.remove(order.price)
            del self.queues[order.price]


class InstrumentBook:
    """Public levels and clients' resting orders of one instrument.

    `changes` collects the levels whose visible quantity may have changed, until somebody takes
    them.
    """

    __slots__ = ("_public", "_resting", "changes")

    def __init__(self) -> None:
        self._public = {side: BookSide(side) for side in Side}
        self._resting = {side: _RestingSide(PriceLadder(side)) for side in Side}
        self.changes: dict[tuple[Side, Price], None] = {}

    def public_side(self, side: Side) -> BookSide:
        """Return the public's levels of one side, to be read only."""
        return self._public[side]

    def best_price(self, side: Side) -> Price | None:
        """Return the best price anybody offers on a side, or None."""
        public = self._public[side].ladder
        own = self._resting[side].ladder.best
        if own is None:
            return public.best
        if public.best is None or public.is_better(own, public.best):
            return own
        return public.best

    def visible_quantity(self, side: Side, price: Price) -> Quantity:
        """Return what everybody together offers at a price."""
        queue = self._resting[side].queues.get(price, ())
        return self._public[side].quantities.get(price, 0) + sum(
            order.open_quantity for order in queue
        )

    def top(self) -> TopOfBook:
        """Return what everybody together offers at the best prices."""
        bid, ask = self.best_price(Side.BUY) or 0, self.best_price(Side.SELL) or 0
        return TopOfBook(
            bid,
            self.visible_quantity(Side.BUY, bid),
            ask,
            self.visible_quantity(Side.SELL, ask),
        )

    def offers_to(self, order: VenueOrder) -> Iterator[tuple[Price, Quantity]]:
        """Yield what an order could take, best price first, its own account's offers left out.

        With self-trade prevention NONE they count, as they would trade.
        """
        side = order.side.opposite
        public, resting = self._public[side], self._resting[side]
        sign = public.ladder.sign
        last: Price | None = None
        for price in merge(public.ladder, resting.ladder, key=lambda price: price * sign):
            if price == last:
                continue
            last = price
            queue = resting.queues.get(price, ())
            own_too = order.stp_mode is SelfTradePrevention.NONE
            offered = public.quantities.get(price, 0) + sum(
                maker.open_quantity
                for maker in queue
                if own_too or maker.account_id != order.account_id
            )
            if offered:
                yield price, offered

    # The public's doings.

    def set_public(self, side: Side, price: Price, quantity: Quantity) -> None:
        """Set the public quantity of a level; what vanishes is taken from the end of the queue.

        The level must not cross the public's other side. Call `settle_crossed` when the batch of
        changes is in.
        """
        assert quantity >= 0
        previous = self._public[side].set(price, quantity)
        if quantity == previous:
            return
        self.changes[side, price] = None
        if quantity < previous:
            for order in self._resting[side].queues.get(price, ()):
                cut = order.ahead - quantity
                if cut > 0:
                    order.ahead = quantity
                    order.cut += cut

    def drop_public_beyond(self, side: Side, price: Price) -> None:
        """Remove the public levels that are better than `price`."""
        ladder = self._public[side].ladder
        while (best := ladder.best) is not None and ladder.is_better(best, price):
            self.set_public(side, best, 0)

    def settle_crossed(self) -> list[Execution]:
        """Let resting orders trade with public quantity that has come to or through their price.

        The resting order is the maker and trades at its own price.
        """
        executions: list[Execution] = []
        for side in _SIDES:
            resting, others = self._resting[side], self._public[side.opposite]
            while (best := resting.ladder.best) is not None:
                offered = others.ladder.best
                if offered is None or not others.ladder.reaches(offered, best):
                    break
                maker = resting.queues[best][0]
                quantity = min(maker.open_quantity, others.quantities[offered])
                self._use_public(side.opposite, offered, quantity)
                executions.append(self._fill_maker(maker, quantity, None))
        return executions

    def print_public(self, maker_side: Side, price: Price, quantity: Quantity) -> list[Execution]:
        """Tell the book of a trade among the public, which it did not match itself.

        Resting orders at better prices would have come first, those at the price come after the
        public quantity ahead of them; together they get no more than what was traded. Public levels
        are left as they are: their own updates tell.
        """
        resting = self._resting[maker_side]
        executions: list[Execution] = []
        left = quantity
        for level in list(resting.ladder):
            if left <= 0 or not resting.ladder.reaches(level, price):
                break
            if level != price:
                for order in tuple(resting.queues[level]):
                    taken = min(left, order.open_quantity)
                    if taken:
                        left -= taken
                        executions.append(self._fill_maker(order, taken, None))
            else:
                executions += self._print_level(resting.queues[level], left)
        return executions

    def _print_level(self, queue: list[VenueOrder], traded: Quantity) -> list[Execution]:
        """Pass a public trade along the queue of its own price."""
        executions: list[Execution] = []
        taken = 0
        for order in tuple(queue):
            # A level update that came before this print has taken the traded quantity off already.
            counted = min(order.cut, traded)
            order.cut -= counted
            passing = traded - counted
            beyond = passing - order.ahead - taken
            order.ahead = max(0, order.ahead - passing)
            quantity = min(order.open_quantity, beyond)
            if quantity > 0:
                taken += quantity
                executions.append(self._fill_maker(order, quantity, None))
        return executions

    # Clients' doings.

    def rest(self, order: VenueOrder) -> None:
        """Put an order at the end of the queue at its price."""
        assert order.open_quantity > 0
        order.ahead = self._public[order.side].quantities.get(order.price, 0)
        order.cut = 0
        self._resting[order.side].add(order)
        self.changes[order.side, order.price] = None

    def remove(self, order: VenueOrder) -> None:
        """Take a resting order out of its queue."""
        self._resting[order.side].remove(order)
        self.changes[order.side, order.price] = None

    def take(self, order: VenueOrder) -> Execution:
        """Let the public take the whole rest of a resting order, whatever stands before it."""
        return self._fill_maker(order, order.open_quantity, None)

    def match(self, taker: Taker) -> list[MatchEvent]:
        """Let a taker trade, best price first, at one price the first come first.

        What it could not take is left in `taker.open_quantity`; nothing rests by itself.
        """
        events: list[MatchEvent] = []
        maker_side = taker.side.opposite
        ladder = self._public[maker_side].ladder
        while taker.open_quantity > 0 and not taker.is_expired:
            price = self.best_price(maker_side)
            if price is None:
                break
            if taker.limit is not None and not ladder.reaches(price, taker.limit):
                break
            self._match_level(maker_side, price, taker, events)
        return events

    def _match_level(
        self, side: Side, price: Price, taker: Taker, events: list[MatchEvent]
    ) -> None:
        """Match along one price's queue until the taker or the level is used up."""
        for maker in tuple(self._resting[side].queues.get(price, ())):
            self._take_public(side, price, min(maker.ahead, taker.open_quantity), taker, events)
            if taker.open_quantity == 0:
                return
            if not taker.would_trade_with(maker):
                self._prevent(maker, taker, events)
                if taker.is_expired:
                    return
                continue
            quantity = min(maker.open_quantity, taker.open_quantity)
            taker.open_quantity -= quantity
            events.append(self._fill_maker(maker, quantity, taker.order))
            if taker.open_quantity == 0:
                return
        left = self._public[side].quantities.get(price, 0)
        self._take_public(side, price, min(left, taker.open_quantity), taker, events)

    def _take_public(
        self,
        side: Side,
        price: Price,
        quantity: Quantity,
        taker: Taker,
        events: list[MatchEvent],
    ) -> None:
        if quantity == 0:
            return
        self._use_public(side, price, quantity)
        taker.open_quantity -= quantity
        events.append(Execution(price, quantity, side, None, taker.order))

    def _prevent(self, maker: VenueOrder, taker: Taker, events: list[MatchEvent]) -> None:
        """Expire the maker, the taker or both, as the taker's mode says."""
        assert taker.order is not None
        mode = taker.order.stp_mode
        expired = maker if mode in _EXPIRES_MAKER else None
        if expired is not None:
            self.remove(expired)
        taker.is_expired = mode is not SelfTradePrevention.EXPIRE_MAKER
        events.append(Prevention(expired, taker.order if taker.is_expired else None))

    def _use_public(self, side: Side, price: Price, quantity: Quantity) -> None:
        """Take public quantity from the front of a level's queue."""
        public = self._public[side]
        public.set(price, public.quantities[price] - quantity)
        for order in self._resting[side].queues.get(price, ()):
            order.ahead = max(0, order.ahead - quantity)
        self.changes[side, price] = None

    def _fill_maker(
        self, maker: VenueOrder, quantity: Quantity, taker: VenueOrder | None
    ) -> Execution:
        maker.open_quantity -= quantity
        assert maker.open_quantity >= 0
        if maker.open_quantity == 0:
            self.remove(maker)
        else:
            self.changes[maker.side, maker.price] = None
        return Execution(maker.price, quantity, maker.side, maker, taker)


def affordable_quantity(
    offers: Iterator[tuple[Price, Quantity]], amount: Amount, step_size: Quantity
) -> Quantity:
    """Return how much an amount of the quote asset buys or must be sold for, in whole steps."""
    quantity = 0
    for price, offered in offers:
        reach = amount * SCALE // price
        if reach <= offered:
            quantity += reach
            break
        quantity += offered
        amount -= price * offered // SCALE
    return quantity - quantity % step_size
