"""What a venue is made of; whoever starts one (a child process, a test) fills this in."""

from pathlib import Path
from typing import Literal

import msgspec

from genesis.units import NANOS_PER_SECOND, SCALE, Amount, Nanos
from genesis.venue.connection import PingRules
from genesis.venue.exchange import ExchangeRules
from genesis.venue.fault_terms import Fault
from genesis.venue.faults import FaultOptions
from genesis.venue.replay_market import ReplayOptions
from genesis.venue.signatures import RegisteredKey
from genesis.venue.tls import TlsFiles

SIM_ACCOUNT_ID = 1
"""The account of the key that a simulated venue is started with."""


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The market model: `rate` is stream messages a second, over all instruments."""

    seed: int = 1
    rate: float = 400.0
    instruments: int = 20


class VenueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated venue.

    `ledger_path` ":memory:" keeps no books beyond the process. `tape_path` makes it a replay. Each
    account that a key names begins with `deposits`, asset and scaled amount. `latency` passes
    between a request's coming in and its being carried out.

    `faults` is what goes wrong by share of its occasions, `schedule` what goes wrong besides, from
    the venue's opening on; all of it is drawn from the seed of `faults`. With `admin` the venue
    takes further faults by HTTP. Connections live for `connection_life`, and are told of their end
    `shutdown_lead` before it. `flat_control_errors` prints errors of the streams' control messages
    as the documents do, and not as the live venue was seen to.
    """

    ledger_path: Path | Literal[":memory:"]
    keys: tuple[RegisteredKey, ...]
    tape_path: Path | None = None
    replay: ReplayOptions = ReplayOptions()
    model: ModelOptions = ModelOptions()
    rules: ExchangeRules = ExchangeRules()
    deposits: tuple[tuple[str, Amount], ...] = (("USDT", 100_000 * SCALE),)
    latency: Nanos = 0
    faults: FaultOptions = FaultOptions()
    tls: TlsFiles | None = None
    schedule: tuple[Fault, ...] = ()
    admin: bool = False
    pings: PingRules = PingRules()
    connection_life: Nanos = 86_400 * NANOS_PER_SECOND
    shutdown_lead: Nanos = 60 * NANOS_PER_SECOND
    flat_control_errors: bool = False
