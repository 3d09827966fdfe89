"""What each mode needs of the settings, and what an operator is told."""

import pytest

from genesis.config import Mode, Settings
from genesis.config_loading import load_settings
from genesis.config_modes import faults_of_mode
from genesis.errors import ConfigError

REAL: tuple[Mode, ...] = ("testnet", "demo", "live")
NAMED = {"symbols": ["BTCUSDT"]}
KEY = {"key_file": "/key.toml"}


def faults(**values: object) -> list[str]:
    """Return the lines that an operator gets."""
    return list(faults_of_mode(Settings.model_validate(values), environ={}))


def test_sim_needs_nothing() -> None:
    """The engine runs as it comes; a key of ours in the file is simply not used."""
    assert faults() == []
    assert faults(credentials=KEY) == []


@pytest.mark.parametrize("name", ["rest_url", "ws_api_url", "streams_url"])
def test_sim_has_no_use_for_addresses(name: str) -> None:
    """Who names one expects to trade there."""
    scheme = "http" if name == "rest_url" else "ws"
    (fault,) = faults(exchange={name: f"{scheme}://127.0.0.1:1"})
    assert fault.startswith(f"exchange.{name}: is not used in mode sim")


@pytest.mark.parametrize("mode", REAL)
def test_a_real_venue_needs_symbols_and_a_key(mode: Mode) -> None:
    """It lists hundreds, and knows whose key it is: neither has a default. All is told at once."""
    assert faults(mode=mode, strategies=NAMED, credentials=KEY) == []
    symbols, key = faults(mode=mode)
    assert symbols.startswith(f"strategies.symbols: is empty; in mode {mode}")
    assert key.startswith("credentials.key_file: is not set")


def test_a_roster_names_symbols_too() -> None:
    """What it trades is listed, each once, unless fewer are named."""
    entries = [
        {"strategy_id": name, "kind": "ema_cross", "symbol": symbol}
        for name, symbol in (("a", "ETHUSDT"), ("b", "BTCUSDT"), ("c", "ETHUSDT"))
    ]
    strategies = {"roster": entries, "workers": 1}
    assert faults(mode="demo", strategies=strategies, credentials=KEY) == []
    settings = Settings.model_validate({"mode": "demo", "strategies": strategies})
    assert settings.named_symbols == ("BTCUSDT", "ETHUSDT")
    named = Settings.model_validate({"mode": "demo", "strategies": strategies | NAMED})
    assert named.named_symbols == ("BTCUSDT",)
    assert Settings.model_validate({"strategies": strategies}).named_symbols == ()


@pytest.mark.parametrize("mode", REAL)
@pytest.mark.parametrize(
    ("section", "values"), [("market", {"seed": 2}), ("venue", {"port": 9443})]
)
def test_a_real_venue_has_no_use_for_what_simulates_one(
    mode: Mode, section: str, values: dict[str, object]
) -> None:
    """Who sets a fault or a seed expects the simulated venue; defaults written out are no wish."""
    (fault,) = faults(mode=mode, strategies=NAMED, credentials=KEY, **{section: values})
    assert fault.startswith(f"{section}: says what the simulated venue does")
    written_out = Settings().model_dump(include={"market", "venue"})
    assert faults(mode=mode, strategies=NAMED, credentials=KEY, **written_out) == []


def test_variables_hold_a_key_for_all_but_real_money() -> None:
    """They are seen by whoever may look at the process."""
    environ = {"GENESIS_API_KEY": "k", "GENESIS_PRIVATE_KEY": "p"}
    testnet, live = (
        Settings.model_validate({"mode": mode, "strategies": NAMED}) for mode in ("testnet", "live")
    )
    assert list(faults_of_mode(testnet, environ)) == []
    (fault,) = faults_of_mode(live, environ)
    assert fault.startswith("credentials.key_file: is not set")


def test_faults_of_a_mode_are_told_with_all_others() -> None:
    """One round of corrections is enough."""
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=["mode=live", "market.seed=3"], environ={})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "market",
        "strategies.symbols",
        "credentials.key_file",
    ]
