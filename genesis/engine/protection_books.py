"""The ledger's part that knows how positions are protected: their plans, orders, waiting exits."""

from collections import Counter
from collections.abc import Iterator

from genesis.domain.order_ids import LEG_STOP, OrderIdParts
from genesis.domain.positions import Position
from genesis.engine.entries import ExitBegun
from genesis.engine.ledger_state import ProtectionPlan, ProtectionState
from genesis.engine.order import Order
from genesis.units import Nanos, Quantity

_NONE: dict[str, Order] = {}


class ProtectionBooks:
    """Folds what concerns protection, and finds it by position.

    An order of protection is in `state.orders` as long as more is to come of it; the ledger keeps
    the settled ones with all others.
    """

    __slots__ = ("_by_position", "_legs", "_lists", "_stops", "state")

    def __init__(self, state: ProtectionState) -> None:
        self.state = state
        self._by_position: dict[tuple[str, str], dict[str, Order]] = {}
        self._legs: Counter[str] = Counter()
        self._lists: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()
        for order in state.orders.values():
            self._index(order)

    def orders(self, strategy_id: str, symbol: str) -> dict[str, Order]:
        """Return the protective orders of one position of which more is to come."""
        return self._by_position.get((strategy_id, symbol), _NONE)

    def orders_of_others(self, strategy_id: str, symbol: str) -> Iterator[Order]:
        """Yield the protective orders of a symbol that are of positions of other strategies."""
        if self._legs[symbol]:
            for (owner, where), orders in self._by_position.items():
                if where == symbol and owner != strategy_id:
                    yield from orders.values()

    def plan(self, strategy_id: str, symbol: str) -> ProtectionPlan | None:
        """Return where a position is to end, None for one that no entry of ours opened."""
        return self.state.plans.get(strategy_id, {}).get(symbol)

    def locked(self, strategy_id: str, symbol: str) -> Quantity:
        """Return what protection may still sell of a position: the legs of a list share lots."""
        by_list: dict[str, Quantity] = {}
        for name, order in self.orders(strategy_id, symbol).items():
            key = order.order_list or name
            by_list[key] = max(by_list.get(key, 0), order.working_quantity)
        return sum(by_list.values())

    def waiting_exit(self, strategy_id: str, symbol: str) -> ExitBegun | None:
        """Return the exit of a position that waits until protection has let go of its lots."""
        for begun in self.state.exits.values():
            if begun.intent.strategy_id == strategy_id and begun.intent.symbol == symbol:
                return begun
        return None

    def legs_of(self, symbol: str) -> int:
        """Return how many protective orders of a symbol may be open."""
        return self._legs[symbol]

    def stops_of(self, symbol: str) -> int:
        """Return how many conditional orders of a symbol may be open."""
        return self._stops[symbol]

    def lists_of(self, symbol: str) -> int:
        """Return how many order lists of a symbol may be open."""
        return self._lists[symbol]

    def has_held(self, name: OrderIdParts) -> bool:
        """Tell whether the journal holds the protective order of this name.

        They are prepared in the order of their names, and those of one list together.
        """
        high = self.state.high_water.get(name.strategy_number)
        return high is not None and (name.epoch, name.sequence) <= tuple(high)

    def prepare(self, order: Order) -> None:
        """Take in a protective order; a stop that is placed is the position's stop from then on."""
        signal, intent = order.signal, order.intent
        reached = (signal.epoch, signal.sequence)
        high = self.state.high_water.get(signal.strategy_number)
        if high is None or reached > tuple(high):
            self.state.high_water[signal.strategy_number] = reached
        self.state.orders[intent.client_order_id] = order
        self._index(order)
        plan = self.plan(intent.strategy_id, intent.symbol)
        if plan is not None and order.leg == LEG_STOP:
            plan.stop_price = max(plan.stop_price, intent.trigger_price)

    def note(self, order: Order) -> None:
        """Take note that more is to come of an order, or that nothing is."""
        if not order.is_protective:
            return
        intent = order.intent
        known = self._by_position.get((intent.strategy_id, intent.symbol), _NONE)
        is_known = intent.client_order_id in known
        if order.is_settled and is_known:
            del known[intent.client_order_id]
            self._count(order, -1)
            if not known:
                del self._by_position[intent.strategy_id, intent.symbol]
        elif not order.is_settled and not is_known:
            self._index(order)

    def take_fill(self, order: Order, position: Position, at: Nanos) -> None:
        """Follow a fill of any order, booked to the position already."""
        intent = order.intent
        plans = self.state.plans.get(intent.strategy_id)
        if plans is None:
            plans = self.state.plans[intent.strategy_id] = {}
        plan = plans.get(intent.symbol)
        if intent.side > 0:
            if plan is None or plan.entry != intent.client_order_id:
                plans[intent.symbol] = ProtectionPlan(
                    entry=intent.client_order_id,
                    opened_at=at,
                    stop_price=intent.stop_price,
                    target_price=intent.target_price,
                )
        elif position.quantity <= 0 and plan is not None:
            del plans[intent.symbol]

    def begin_exit(self, begun: ExitBegun) -> None:
        """Take in an exit that waits."""
        self.state.exits[begun.intent.client_order_id] = begun

    def end_exit(self, client_order_id: str) -> None:
        """Forget an exit that was sent, or will not be."""
        self.state.exits.pop(client_order_id, None)

    def _index(self, order: Order) -> None:
        intent = order.intent
        position = intent.strategy_id, intent.symbol
        self._by_position.setdefault(position, {})[intent.client_order_id] = order
        self._count(order, 1)

    def _count(self, order: Order, by: int) -> None:
        symbol = order.intent.symbol
        self._legs[symbol] += by
        if order.leg == LEG_STOP:
            self._stops[symbol] += by if order.intent.order_type.is_conditional else 0
            self._lists[symbol] += by if order.order_list else 0
