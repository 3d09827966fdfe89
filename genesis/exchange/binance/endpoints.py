"""Where Binance listens, by mode (`binance-spot.md` section 2)."""

from collections.abc import Mapping
from typing import Final

from genesis.config import Mode, Settings
from genesis.exchange.endpoints import Endpoints

_ENDPOINTS: Final[Mapping[Mode, Endpoints]] = {
    "testnet": Endpoints(
        rest_url="https://testnet.binance.vision/api/v3",
        ws_api_url="wss://ws-api.testnet.binance.vision/ws-api/v3",
        streams_url="wss://stream.testnet.binance.vision/stream",
    ),
    "demo": Endpoints(
        rest_url="https://demo-api.binance.com/api/v3",
        ws_api_url="wss://demo-ws-api.binance.com/ws-api/v3",
        streams_url="wss://demo-stream.binance.com/stream",
    ),
    "live": Endpoints(
        rest_url="https://api.binance.com/api/v3",
        ws_api_url="wss://ws-api.binance.com:443/ws-api/v3",
        streams_url="wss://stream.binance.com:9443/stream",
    ),
}


def endpoints_of(settings: Settings) -> Endpoints:
    """Return the addresses of the settings' mode, with those that the settings replace."""
    assert not settings.is_simulated, "the simulated venue says itself where it listens"
    known, exchange = _ENDPOINTS[settings.mode], settings.exchange
    endpoints = Endpoints(
        rest_url=exchange.rest_url or known.rest_url,
        ws_api_url=exchange.ws_api_url or known.ws_api_url,
        streams_url=exchange.streams_url or known.streams_url,
        ca_file="" if exchange.ca_file is None else str(exchange.ca_file),
    )
    return endpoints.asking_for(exchange.time_unit)
