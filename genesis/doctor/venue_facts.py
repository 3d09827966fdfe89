"""What was found of the venue, the account and the key, before it is judged. Pure."""

import enum

import msgspec

from genesis.domain.instruments import Instrument
from genesis.exchange.binance.key_restrictions import KeyRestrictions
from genesis.exchange.gateway import Account
from genesis.exchange.rate_limits import RateUsage
from genesis.units import Nanos


class Step(enum.StrEnum):
    """The steps of reaching an endpoint, in their order."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    ANSWER = "answer"


class EndpointFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint, and how far the way to it was found to go.

    `fault` is why `failed_at` did not succeed; both are empty for one that answers. `encryption` is
    "" for a plain connection within this machine.
    """

    name: str
    url: str
    addresses: int = 0
    connected_in: Nanos = 0
    encryption: str = ""
    certificate_days: int = 0
    round_trip: Nanos = 0
    failed_at: Step | None = None
    fault: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """A fact that could not be had, and why: in the venue's words and code, where it spoke."""

    reason: str
    code: int = 0


class ClockFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's clock less ours."""

    offset: Nanos
    round_trip: Nanos


class ListingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue lists of the symbols that are named; `unlisted` are those it does not know."""

    instruments: tuple[Instrument, ...]
    unlisted: tuple[str, ...] = ()


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The account, who holds its lock ("" for nobody), and whether it has books of ours already."""

    account: Account
    lock_holder: str
    has_books: bool


class VenueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found of the venue. `key` is None where the mode has nobody to ask."""

    endpoints: tuple[EndpointFacts, ...]
    clock: ClockFacts | Unknown
    rates: tuple[RateUsage, ...]
    listing: ListingFacts | Unknown
    account: AccountFacts | Unknown
    key: KeyRestrictions | Unknown | None
    now_ms: int
