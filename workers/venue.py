"""The simulated venue as a child process: settings in, a port out.

A thin shell: it maps the engine's settings to the venue's own configuration and keeps the server
open until the parent says stop.
"""

import asyncio
from pathlib import Path

import msgspec

from genesis.config import Settings
from genesis.config_simulation import VenueFaultSettings, VenueLimitSettings, VenueSettings
from genesis.engine.boot import TradingKey
from genesis.errors import ConfigError
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Amount, fixed_from_decimal
from genesis.venue.commissions import FEE_ASSET
from genesis.venue.config import SIM_ACCOUNT_ID, ModelOptions, VenueConfig
from genesis.venue.connection import PingRules
from genesis.venue.exchange import ExchangeRules
from genesis.venue.fault_documents import FaultRefused, read_faults
from genesis.venue.fault_terms import Fault
from genesis.venue.faults import FaultOptions
from genesis.venue.replay_market import ReplayOptions
from genesis.venue.request_limits import SECOND_MS, RateLimit, RateLimits
from genesis.venue.server import VenueServer
from genesis.venue.signatures import RegisteredKey
from genesis.venue.tls import TlsFiles
from workers.process import ChildContext, run_child


def venue_config(settings: Settings, trading_key: TradingKey) -> VenueConfig:
    """Return the venue that these settings describe, open to this key alone."""
    market, venue = settings.market, settings.venue
    return VenueConfig(
        ledger_path=settings.venue_ledger_path,
        keys=(
            RegisteredKey(
                api_key=trading_key.api_key,
                account_id=SIM_ACCOUNT_ID,
                algorithm="ed25519",
                secret=trading_key.public_key,
            ),
        ),
        tape_path=market.path,
        replay=ReplayOptions(speed=market.speed, loop=market.loop, is_raw=market.raw),
        model=ModelOptions(
            seed=market.seed, rate=float(market.rate), instruments=market.instruments
        ),
        rules=ExchangeRules(
            maker_fee=fixed_from_decimal(venue.maker_fee),
            taker_fee=fixed_from_decimal(venue.taker_fee),
            fees_in_bnb=venue.bnb_for_fees > 0,
            limits=rate_limits(venue.limits),
        ),
        deposits=_deposits(settings),
        latency=int(venue.latency_ms * NANOS_PER_MS),
        faults=fault_options(venue.faults),
        tls=_tls_files(venue),
        schedule=read_schedule(venue.schedule),
        admin=venue.admin,
        pings=PingRules(
            interval=int(venue.ping_interval_s * NANOS_PER_SECOND),
            pong_timeout=int(venue.pong_timeout_s * NANOS_PER_SECOND),
        ),
        connection_life=int(venue.connection_life_s * NANOS_PER_SECOND),
        shutdown_lead=int(venue.shutdown_lead_s * NANOS_PER_SECOND),
        flat_control_errors=venue.flat_control_errors,
    )


def _deposits(settings: Settings) -> tuple[tuple[str, Amount], ...]:
    deposits = [(settings.quote_asset, fixed_from_decimal(settings.capital_quote))]
    if settings.venue.bnb_for_fees:
        deposits.append((FEE_ASSET, fixed_from_decimal(settings.venue.bnb_for_fees)))
    return tuple(deposits)


def _tls_files(settings: VenueSettings) -> TlsFiles | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(certificate=settings.tls_certificate, key=settings.tls_key)


def rate_limits(settings: VenueLimitSettings) -> RateLimits:
    """Return the same limits with their windows in ms."""
    return RateLimits(
        weight=RateLimit(settings.weight, settings.weight_window_s * SECOND_MS),
        orders=RateLimit(settings.orders, settings.orders_window_s * SECOND_MS),
        orders_a_day=RateLimit(settings.orders_a_day, settings.day_s * SECOND_MS),
        connections=RateLimit(settings.connections, settings.connections_window_s * SECOND_MS),
    )


def read_schedule(path: Path | None) -> tuple[Fault, ...]:
    """Read the faults that a venue plays from its opening on.

    Raises:
        ConfigError: The file cannot be read, or holds no list of faults.
    """
    if path is None:
        return ()
    try:
        return tuple(read_faults(path.read_bytes()))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or error}; set venue.schedule to a file that can be read"
        ) from error
    except FaultRefused as refusal:
        raise ConfigError(f"{path}: {refusal}") from None


def fault_options(settings: VenueFaultSettings) -> FaultOptions:
    """Return the same faults with their times in ns."""
    values = {
        name.removesuffix("_ms"): int(value * NANOS_PER_MS) if name.endswith("_ms") else value
        for name, value in settings.model_dump().items()
    }
    return msgspec.convert(values, FaultOptions)


async def run(context: ChildContext) -> None:
    """Be the venue until the parent says stop."""
    settings = context.settings
    if context.spec.trading_key is None:
        raise ConfigError("venue: the boot document names no trading key")
    server = VenueServer(venue_config(settings, context.spec.trading_key), context.clock.now)
    port = await server.start(settings.venue.host, settings.venue.port)
    try:
        context.ready({"port": port})
        await _stopped_or_failed(context, server)
    finally:
        await server.close()
    context.summary["frames_sent"] = server.frames_sent


async def _stopped_or_failed(context: ChildContext, server: VenueServer) -> None:
    """Wait for the end; raise what broke the venue, if that is what ended it."""
    assert server.failure is not None, "a started server can fail"
    stopping = asyncio.ensure_future(context.stopping.wait())
    try:
        await asyncio.wait((stopping, server.failure), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if server.failure.done():
        server.failure.result()


if __name__ == "__main__":
    run_child(run)
