"""Addresses that the venue bans, for a while (`binance-spot.md` section 8.4, status 418). Pure."""

from genesis.units import NANOS_PER_MS, Nanos

ANYBODY = ""
"""Stands for every address."""


class Bans:
    """Which addresses are banned, and until when."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[str, Nanos] = {}

    def begin(self, address: str, until: Nanos) -> None:
        """Ban an address."""
        self._until[address] = until

    def end(self, address: str) -> None:
        """Lift a ban, if there is one."""
        self._until.pop(address, None)

    def until_ms(self, address: str, now: Nanos) -> int:
        """Return the ms at which an address's ban ends, or 0 if it has none."""
        until = max(self._until.get(address, 0), self._until.get(ANYBODY, 0))
        return until // NANOS_PER_MS if now < until else 0
