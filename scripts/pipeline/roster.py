"""Strategies of the real kinds that trade at once, for runs of seconds."""

from collections.abc import Sequence
from typing import Final

# Each makes a round trip in about half a minute.
COOLDOWN_S: Final = 15
HOLD_MAX_S: Final = 10

# Quick to warm up, so that a short run trades.
_BRISK: Final[dict[str, dict[str, float]]] = {
    "ema_cross": {"sample_ms": 50, "fast_period": 2, "slow_period": 5, "margin_bps": 0},
    "momentum_breakout": {
        "sample_ms": 50,
        "entry_period": 5,
        "exit_period": 3,
        "atr_period": 5,
    },
    "mean_reversion": {"sample_ms": 50, "band_period": 5, "band_width": 1, "rsi_period": 5},
    "book_imbalance": {"smoothing": 3, "entry_imbalance": 0.2, "exit_imbalance": 0},
}


def brisk_roster(
    count: int,
    symbols: Sequence[str],
    *,
    cooldown_s: int = COOLDOWN_S,
    hold_max_s: int = HOLD_MAX_S,
) -> str:
    """Return, as TOML, a roster of the real kinds, dealt over the instruments, that trades soon."""
    pace = {"cooldown_s": cooldown_s, "hold_max_s": hold_max_s}
    kinds = list(_BRISK)
    tables = []
    for row in range(count):
        kind = kinds[row % len(kinds)]
        parameters = {**pace, **_BRISK[kind]}
        values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
        tables.append(
            "[[strategies.roster]]\n"
            f'strategy_id = "{kind}-{row}"\n'
            f'kind = "{kind}"\n'
            f'symbol = "{symbols[row // len(kinds) % len(symbols)]}"\n'
            f"parameters = {{{values}}}\n"
        )
    return "".join(tables)
