"""How long positions were without a live stop, read off the journal entry by entry."""

from typing import Final, NamedTuple

from genesis.domain.order_ids import LEG_STOP
from genesis.domain.orders import Side
from genesis.domain.positions import Position
from genesis.engine.entries import Entry, EpochStarted, FillBooked, OrderMoved, OrderPrepared
from genesis.engine.ledger import Ledger
from genesis.units import SCALE, Amount, Nanos, Quantity, notional

_DUST: Final[Amount] = 12 * SCALE  # twice what the venue takes: what is less may be too little


class BareSpell(NamedTuple):
    """A position had no live stop, within one life of the executor, from and to."""

    strategy_id: str
    began_at: Nanos
    ended_at: Nanos


def is_worth_a_stop(position: Position, quantity: Quantity) -> bool:
    """Tell whether lots are clearly more than the venue's least order."""
    return notional(position.average_entry_price, quantity) > _DUST


class CoverRecord:
    """Follows a ledger, and writes down each spell that a position had no live stop.

    Lots that an exit has for sale need none: they have no room for one.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.spells: list[BareSpell] = []
        self._ledger = ledger
        self._bare: dict[tuple[str, str], Nanos] = {}
        self._last_at: Nanos = 0

    def take(self, entry: Entry) -> None:
        """Look at what an entry, folded already, has changed."""
        match entry:
            case EpochStarted():
                for place, since in self._bare.items():
                    self._end(place, since, self._last_at)
                self._bare = dict.fromkeys(self._bare, entry.at)
            case OrderPrepared(intent=intent):
                self._look(intent.strategy_id, intent.symbol, entry.at)
            case OrderMoved(client_order_id=name) | FillBooked(fill=name):
                wanted = name if isinstance(name, str) else name.client_order_id
                order = self._ledger.find_order(wanted)
                if order is not None:
                    self._look(order.intent.strategy_id, order.intent.symbol, entry.at)
        self._last_at = entry.at

    def _look(self, strategy_id: str, symbol: str, at: Nanos) -> None:
        place = strategy_id, symbol
        position = self._ledger.position(strategy_id, symbol)
        is_bare = is_worth_a_stop(position, position.quantity - self._covered(strategy_id, symbol))
        if is_bare:
            self._bare.setdefault(place, at)
        elif place in self._bare:
            self._end(place, self._bare.pop(place), at)

    def _covered(self, strategy_id: str, symbol: str) -> Quantity:
        """Return the lots behind live stops, or for sale."""
        orders = self._ledger.protection.orders(strategy_id, symbol).values()
        covered = sum(
            order.working_quantity
            for order in orders
            if order.leg == LEG_STOP and order.venue_order_id and not order.is_terminal
        )
        return covered + sum(
            order.working_quantity
            for order in self._ledger.state.live_orders.values()
            if order.intent.side is Side.SELL
            and (order.intent.strategy_id, order.intent.symbol) == (strategy_id, symbol)
        )

    def _end(self, place: tuple[str, str], since: Nanos, until: Nanos) -> None:
        if until > since:
            self.spells.append(BareSpell(place[0], since, until))
