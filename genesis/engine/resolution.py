"""Orders in doubt: when to ask the venue about one, and when its "not found" is proof.

A request is valid until its signed timestamp plus its receive window, on the venue's clock; what
was forwarded by then may still surface for the margin. Behind that fence, read before the question,
an order that is not found was never executed (`reliability.md` section 2).
"""

from genesis.domain.orders import OrderState
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect
from genesis.engine.order import Order
from genesis.engine.state_machine import can_move
from genesis.engine.timers import TimerKind, Timers
from genesis.limits import QUERY_DELAYS
from genesis.units import NANOS_PER_MS, Nanos


class Resolver:
    """Asks about orders until the venue's answer settles them."""

    def __init__(self, timers: Timers, books: Bookkeeper, fence_margin_ms: int) -> None:
        self._timers = timers
        self._books = books
        self._fence_margin_ms = fence_margin_ms
        self._asked: dict[str, int] = {}

    def doubt(self, order: Order, reason: str, now: Nanos) -> list[Effect]:
        """Keep an order live without an answer; only the venue can say what became of it."""
        if not can_move(order.state, OrderState.OUTCOME_UNKNOWN):
            return []  # a user event has overtaken the lost reply: nothing is in doubt
        self.look(order, now)
        return [
            self._books.move(order, OrderState.OUTCOME_UNKNOWN, reason, now),
            Announce(
                "order_outcome_unknown",
                {"client_order_id": order.intent.client_order_id, "reason": reason},
                severity="warning",
            ),
        ]

    def look(self, order: Order, at: Nanos) -> None:
        """Ask the venue about an order at `at`, or earlier where that is planned already."""
        self._timers.set(at, TimerKind.RESOLVE_ORDER, order.intent.client_order_id)

    def look_again(self, order: Order, venue_ms: int, now: Nanos, not_before: Nanos = 0) -> None:
        """Ask again after a wait that grows with the questions that settled nothing.

        It ends with the fence, as seen from the venue's time (0: not known), if that is nearer: the
        first question behind it is the one that decides. No question is put before `not_before`:
        it would not be let through.
        """
        client_order_id = order.intent.client_order_id
        asked = self._asked.get(client_order_id, 0)
        self._asked[client_order_id] = asked + 1
        wait = QUERY_DELAYS[min(asked, len(QUERY_DELAYS) - 1)]
        if venue_ms and not self.is_behind_fence(order, venue_ms):
            wait = min(wait, (self._fence_ms(order) + 1 - venue_ms) * NANOS_PER_MS)
        self.look(order, max(now + wait, not_before))

    def forget(self, client_order_id: str) -> None:
        """Begin with short waits again, should this order ever be asked about again."""
        self._asked.pop(client_order_id, None)

    def is_behind_fence(self, order: Order, venue_ms: int) -> bool:
        """Tell whether nothing of the order's request can enter the book at this venue time."""
        return venue_ms > self._fence_ms(order)

    def _fence_ms(self, order: Order) -> int:
        return order.timestamp_ms + order.receive_window_ms + self._fence_margin_ms
