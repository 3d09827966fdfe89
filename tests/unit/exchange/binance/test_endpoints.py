"""Where Binance listens, by mode."""

from pathlib import Path

import pytest

from genesis.config import Mode, Settings
from genesis.exchange.binance.endpoints import endpoints_of
from genesis.exchange.endpoints import Endpoints


@pytest.mark.parametrize(
    ("mode", "rest", "ws_api", "streams"),
    [
        (
            "live",
            "https://api.binance.com/api/v3",
            "wss://ws-api.binance.com:443/ws-api/v3",
            "wss://stream.binance.com:9443/stream",
        ),
        (
            "testnet",
            "https://testnet.binance.vision/api/v3",
            "wss://ws-api.testnet.binance.vision/ws-api/v3",
            "wss://stream.testnet.binance.vision/stream",
        ),
        (
            "demo",
            "https://demo-api.binance.com/api/v3",
            "wss://demo-ws-api.binance.com/ws-api/v3",
            "wss://demo-stream.binance.com/stream",
        ),
    ],
)
def test_each_mode_has_its_own_venue(mode: Mode, rest: str, ws_api: str, streams: str) -> None:
    """No mode shares an address with another (`binance-spot.md` section 2)."""
    assert endpoints_of(Settings(mode=mode)) == Endpoints(
        rest_url=rest, ws_api_url=ws_api, streams_url=streams
    )


def test_one_address_may_be_replaced(tmp_path: Path) -> None:
    """The others stay those of the mode."""
    exchange = {"rest_url": "https://api1.binance.com/api/v3/", "ca_file": tmp_path / "ca.pem"}
    endpoints = endpoints_of(Settings.model_validate({"mode": "live", "exchange": exchange}))
    assert endpoints.rest_url == "https://api1.binance.com/api/v3"
    assert endpoints.streams_url == "wss://stream.binance.com:9443/stream"
    assert endpoints.ca_file == str(tmp_path / "ca.pem")


def test_a_unit_of_time_is_asked_for_on_every_way() -> None:
    """By the URLs of the sockets and by a header over REST; the venue's own unit by nothing."""
    settings = Settings.model_validate(
        {"mode": "demo", "exchange": {"time_unit": "microsecond", "ca_file": "/ca.pem"}}
    )
    endpoints = endpoints_of(settings)
    assert endpoints.streams_url == "wss://demo-stream.binance.com/stream?timeUnit=MICROSECOND"
    assert endpoints.ws_api_url.endswith("/ws-api/v3?timeUnit=MICROSECOND")
    assert (endpoints.rest_url, endpoints.time_unit) == (
        "https://demo-api.binance.com/api/v3",
        "microsecond",
    )
    assert endpoints.ca_file == "/ca.pem"
    plain = endpoints_of(Settings(mode="demo"))
    assert plain.asking_for("millisecond") == plain
