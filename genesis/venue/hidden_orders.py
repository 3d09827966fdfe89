"""New orders that queries do not find yet: the venue's databases lag behind its matching. Pure."""

from genesis.units import Nanos


class HiddenOrders:
    """Which orders are hidden, by their client order id, and until when."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[str, Nanos] = {}

    def hide(self, client_order_id: str, now: Nanos, until: Nanos) -> None:
        """Hide an order, and forget those that can be seen again."""
        for seen in [name for name, end in self._until.items() if end <= now]:
            del self._until[seen]
        self._until[client_order_id] = until

    def hides(self, client_order_id: str, now: Nanos) -> bool:
        """Tell whether queries for an order find nothing."""
        return now < self._until.get(client_order_id, 0)

    def shift(self, step: Nanos) -> None:
        """Move along with the venue's clock."""
        self._until = {name: until + step for name, until in self._until.items()}
