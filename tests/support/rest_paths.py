"""A way over REST for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from genesis.config_exchange import TimeUnit
from genesis.exchange.binance.rest_path import RestPath
from genesis.exchange.binance.signing import Signer, make_signer
from genesis.exchange.rate_limits import RateLimits
from genesis.exchange.tls import tls_for
from tests.support.exchange_builders import API_KEY, ED25519_PEM, quiet_log
from tests.support.gateways import DEADLINE_S, GateKit


@asynccontextmanager
async def path_to(
    url: str,
    *,
    signer: Signer | None = None,
    limits: RateLimits | None = None,
    ca_file: str = "",
    reply_timeout_ms: int = DEADLINE_S * 1000,
    time_unit: TimeUnit = "millisecond",
) -> AsyncIterator[RestPath]:
    """Yield a path to a base URL that believes an authority; it is closed at the end."""
    kit = GateKit(limits)
    path = RestPath(
        url,
        signer or make_signer(API_KEY, ED25519_PEM),
        tls=tls_for(url, ca_file),
        gate=kit.gate_beside(),
        clock=kit.clock,
        log=quiet_log(),
        recv_window_ms=2000,
        reply_timeout_ms=reply_timeout_ms,
        time_unit=time_unit,
    )
    try:
        yield path
    finally:
        await path.close()
