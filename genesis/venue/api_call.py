"""What a method of the API is: what it costs, whom it serves, what it does with a call."""

import enum
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue.exchange import Exchange
from genesis.venue.parameters import Parameters
from genesis.venue.signatures import KeyPermissions


class Security(enum.Enum):
    """What a method asks of its caller (`binance-spot.md` section 8)."""

    NONE = enum.auto()
    USER_DATA = enum.auto()
    """Signed, by a key that may read."""
    TRADE = enum.auto()
    """Signed, by a key that may trade."""


class Call(msgspec.Struct, frozen=True):
    """One admitted request. `account_id` is 0 where the method asks for no account.

    `permissions` are those of the key that signed.
    """

    exchange: Exchange
    account_id: int
    permissions: KeyPermissions
    parameters: Parameters
    now: Nanos

    @property
    def now_ms(self) -> int:
        """The venue's time as replies show it."""
        return self.now // NANOS_PER_MS


Result: TypeAlias = object
Run: TypeAlias = Callable[[Call], Result]
Weigh: TypeAlias = Callable[[Parameters], int]


class Method(msgspec.Struct, frozen=True):
    """One method.

    `reaches_engine` says that the age of a request is tested again just before matching, and that
    success costs no weight.
    """

    weigh: Weigh
    security: Security
    run: Run
    reaches_engine: bool = False


def costs(weight: int) -> Weigh:
    """Return that a method weighs the same whatever is asked."""
    return lambda _: weight
