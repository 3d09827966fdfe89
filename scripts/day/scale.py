"""How much shorter a compressed day is, as settings of the engine and of its venue."""

from dataclasses import dataclass
from typing import Final

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")
STRATEGIES: Final = 16
WORKERS: Final = 2
COOLDOWN_S: Final = 1
HOLD_MAX_S: Final = 2

_DAY_S: Final = 86_400
_RATE: Final = 300
_WEIGHT: Final = 6_000
_LEAD_SHARE: Final = 1 / 60
_PINGS_OF_SILENCE: Final = 3


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How long it takes until everything has befallen a client once, and how long sockets live.

    What the venue counts connections by is not shortened: the budget is the live venue's own.
    """

    day_s: int
    life_s: int

    @property
    def rotate_after_s(self) -> int:
        """The age at which the client replaces a connection: at 23 h of 24, in whole seconds."""
        return self.life_s * 23 // 24

    @property
    def shutdown_lead_s(self) -> float:
        """How long before its end a connection is told of it."""
        return self.life_s * _LEAD_SHARE

    @property
    def silence_max_s(self) -> int:
        """After how long without a ping a connection is dead to the client."""
        return max(2, self.day_s // 15)

    @property
    def ping_interval_s(self) -> float:
        """How often the venue pings: three times before the client gives it up."""
        return self.silence_max_s / (_PINGS_OF_SILENCE + 1)

    @property
    def listing_refresh_s(self) -> int:
        """How often the client reads the trading rules anew."""
        return self.day_s * 3 // 10

    @property
    def weight_window_s(self) -> int:
        """The window of request weight; in it is allowed what the live venue allows in a minute."""
        return max(5, self.day_s // 4)

    @property
    def retry_delay_max_ms(self) -> int:
        """The longest wait before the client tries a connection again."""
        return min(2_000, 50 * self.day_s)

    @property
    def fence_margin_ms(self) -> int:
        """How long past its window an order may still surface."""
        return min(3_000, 50 * self.day_s)

    def settings(self, seed: int) -> dict[str, object]:
        """Return the settings of an engine that lives such days."""
        return {
            "market.rate": _RATE,
            "market.instruments": len(SYMBOLS),
            "market.seed": seed,
            "strategies.workers": WORKERS,
            "orders.recv_window_ms": 1_000,
            "orders.fence_margin_ms": self.fence_margin_ms,
            "orders.reply_timeout_ms": 800,
            "risk.signals_per_second": 100,
            "risk.daily_loss.strategist": 99_000,
            "risk.drawdown_halt": 1,
            "risk.drawdown_restrict": 1,
            "risk.drawdown_reduce": 1,
            "risk.day_halt": 1,
            "risk.day_restrict": 1,
            "risk.flash_crash.fall": 1,
            "risk.pauses.storm_stops": 0,
            "risk.pauses.cool_down_s": 0,
            "risk.pauses.losses_in_row": 0,
            "risk.pauses.low_profit_trips": 0,
            "connections.rotate_after_s": self.rotate_after_s,
            "connections.silence_max_s": self.silence_max_s,
            "connections.stable_after_s": 1,
            "connections.retry_delay_max_ms": self.retry_delay_max_ms,
            "exchange.listing_refresh_s": self.listing_refresh_s,
            "exchange.time_unit": "microsecond",
            "requests.breaker_cool_down_ms": 200,
            "requests.breaker_cool_down_max_ms": 1_000,
            "venue.admin": "true",
            "venue.faults.seed": seed,
            "venue.connection_life_s": self.life_s,
            "venue.shutdown_lead_s": self.shutdown_lead_s,
            "venue.ping_interval_s": self.ping_interval_s,
            "venue.pong_timeout_s": 2 * self.silence_max_s,
            "venue.limits.weight": _WEIGHT,
            "venue.limits.weight_window_s": self.weight_window_s,
            "venue.limits.orders": 100,
            "venue.limits.orders_window_s": 5,
            "venue.limits.orders_a_day": 20 * self.day_s,
            "venue.limits.day_s": self.day_s,
            "logs.max_bytes": 2**34,
        }

    def __str__(self) -> str:
        lead_s, fence_s = self.shutdown_lead_s, 1 + self.fence_margin_ms / 1_000
        return (
            f"24 h are {self.life_s} s to a socket (1 : {_DAY_S // self.life_s}), told of its end "
            f"{lead_s:.2g} s ahead; rotation at {self.rotate_after_s} s; tried again after "
            f"{self.retry_delay_max_ms / 1_000:.2g} s at the latest; a ping each "
            f"{self.ping_interval_s:.2g} s, silence is {self.silence_max_s} s; weight window "
            f"{self.weight_window_s} s, order windows 5 s and {self.day_s} s; rules read each "
            f"{self.listing_refresh_s} s; fence {fence_s:.2g} s; every fault once in {self.day_s} "
            "s; times in microseconds; connections as on the live venue, 300 in 300 s"
        )
