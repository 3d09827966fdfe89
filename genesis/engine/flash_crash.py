"""The guard against flash crashes: how far an instrument has fallen within a moment. Pure.

It keeps the highest price of a few slots of time for each instrument, never the prices themselves.
"""

from collections import deque
from typing import Final

import msgspec

from genesis.limits import FLASH_SLOTS
from genesis.units import Nanos, Price

BASIS_POINTS: Final = 10_000


class FlashCrashRules(msgspec.Struct, frozen=True, kw_only=True):
    """A fall of `fall_bps` within `window` stops entries on that instrument for `pause`."""

    fall_bps: int
    window: Nanos
    pause: Nanos


class FlashCrashGuard:
    """Prices go in, falls come out.

    A window is covered by slots whole: it is up to one slot longer than the rules say, never
    shorter.
    """

    def __init__(self, rules: FlashCrashRules) -> None:
        self.rules = rules
        self._slot_length = max(1, -(-rules.window // FLASH_SLOTS))
        self._highs: dict[str, deque[tuple[int, Price]]] = {}
        self._struck: dict[str, int] = {}

    def observe(self, symbol: str, price: Price, now: Nanos) -> int:
        """Take a price; return by how much it is below the window's highest, in basis points.

        A fall that reaches the limit is remembered until `take_struck`.
        """
        slot = now // self._slot_length
        highs = self._highs.get(symbol)
        if highs is None:
            highs = self._highs[symbol] = deque()
        while highs and highs[0][0] < slot - FLASH_SLOTS:
            highs.popleft()
        # What is older and lower can never be the highest again.
        while highs and highs[-1][1] <= price:
            highs.pop()
        if not highs or highs[-1][0] != slot:
            highs.append((slot, price))
        high = highs[0][1]
        fall_bps = (high - price) * BASIS_POINTS // high if high > 0 else 0
        if fall_bps >= self.rules.fall_bps:
            self._struck[symbol] = fall_bps
        return fall_bps

    def take_struck(self) -> dict[str, int]:
        """Return, once, the instruments that fell too far, each with its fall in basis points."""
        struck, self._struck = self._struck, {}
        return struck
