"""The core with one of its safeguards taken out: what the simulator must be able to see.

Nothing of the product knows of this: a control puts another part into the world around the core, or
falsifies what the core is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from genesis.engine.effects import Effect
from genesis.engine.entries import Entry, OrderPrepared
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.protection_books import ProtectionBooks
from genesis.engine.risk_facts import VenueNow
from genesis.errors import StorageError
from genesis.exchange.gateway import QueryOutcome
from genesis.storage.entry_chain import Row
from genesis.units import NANOS_PER_MS, Nanos, Quantity
from scripts.simulation.disk import Disk

_END_OF_TIME_MS: Final = 10**18


@dataclass(frozen=True)
class Parts:
    """What a world is made of."""

    disk: Callable[..., Disk] = Disk
    ledger: Callable[[], Ledger] = Ledger
    core: Callable[..., ExecutionCore] = ExecutionCore


class _FencelessCore(ExecutionCore):
    """Believes "not found" at once."""

    def on_query_outcome(
        self,
        client_order_id: str,
        outcome: QueryOutcome,
        *,
        venue_ms: int,
        cancel_first: bool,
        now: Nanos,
    ) -> list[Effect]:
        """Take an answer as if it came behind every fence."""
        return super().on_query_outcome(
            client_order_id,
            outcome,
            venue_ms=max(venue_ms, _END_OF_TIME_MS),
            cancel_first=cancel_first,
            now=now,
        )


class _LocalClockCore(ExecutionCore):
    """Measures the fence by its own clock, from the moment the order was prepared."""

    def on_query_outcome(
        self,
        client_order_id: str,
        outcome: QueryOutcome,
        *,
        venue_ms: int,
        cancel_first: bool,
        now: Nanos,
    ) -> list[Effect]:
        """Take an answer at the venue time that our clock makes of it."""
        order = self.ledger.find_order(client_order_id)
        if order is not None:
            venue_ms = order.timestamp_ms + (now - order.prepared_at) // NANOS_PER_MS
        return super().on_query_outcome(
            client_order_id,
            outcome,
            venue_ms=venue_ms,
            cancel_first=cancel_first,
            now=now,
        )


class _LyingDisk(Disk):
    """Says that a commit is durable when it only lies in the process's memory."""

    def begin_commit(
        self, entries: Sequence[Entry], then: Callable[[StorageError | None], None]
    ) -> None:
        """Write nothing that would survive the process, and say that all is well."""
        then(self._keep(self._chain.link(entries)))

    def settle_pending(self) -> None:
        """Lose what the process had not written down."""
        self.cut_power()


class _CarelessDisk(Disk):
    """Has no unique index over trades."""

    def _keep(self, rows: list[Row]) -> StorageError | None:
        return super()._keep(
            [row._replace(unique_key=None) if _is_of_fill(row) else row for row in rows]
        )


class _ForgetfulSet(set[int]):
    def __contains__(self, _item: object) -> bool:
        return False


class _ForgetfulLedger(Ledger):
    """Takes every trade for a new one."""

    __slots__ = ()

    def apply(self, entry: Entry) -> None:
        """Fold one entry in."""
        super().apply(entry)
        if isinstance(entry, OrderPrepared):
            order = self.find_order(entry.intent.client_order_id)
            assert order is not None
            order.booked_trades = _ForgetfulSet()


class _NakedCore(ExecutionCore):
    """Leaves positions without a stop."""

    def protect(self, *, venue: VenueNow, now: Nanos) -> list[Effect]:
        """Do nothing."""
        del venue, now
        return []


class _BlindBooks(ProtectionBooks):
    """Forgets that lots are for sale already."""

    __slots__ = ()

    def orders(self, strategy_id: str, symbol: str) -> dict[str, Order]:
        """Return only what is on its way."""
        known = super().orders(strategy_id, symbol)
        return {name: order for name, order in known.items() if order.is_in_flight}

    def locked(self, strategy_id: str, symbol: str) -> Quantity:
        """Return nothing."""
        del strategy_id, symbol
        return 0


class _BlindLedger(Ledger):
    """Has a stop placed beside the one that is live."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.protection = _BlindBooks(self.state.protection)


def _is_of_fill(row: Row) -> bool:
    return row.unique_key is not None and row.unique_key.startswith("fill:")


WHOLE: Final = Parts()
CONTROLS: Final[dict[str, Parts]] = {
    "no-fence": Parts(core=_FencelessCore),
    "no-journal": Parts(disk=_LyingDisk),
    "local-clock": Parts(core=_LocalClockCore),
    "no-protection": Parts(core=_NakedCore),
    "double-protection": Parts(ledger=_BlindLedger),
    "no-dedup": Parts(disk=_CarelessDisk, ledger=_ForgetfulLedger),
}
