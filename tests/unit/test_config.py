"""Settings: what is valid, what the defaults mean, and that a dump reads back."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from genesis.config import Settings, Tier


def test_default_settings_trade_on_the_simulated_venue_as_strategist() -> None:
    """With no configuration at all, the engine simulates with $100 000 and 120 strategies."""
    settings = Settings()

    assert settings.mode == "sim"
    assert settings.market.source == "model"
    assert settings.capital_quote == Decimal(100_000)
    assert settings.tier is Tier.STRATEGIST
    assert settings.strategy_count == 120


def test_settings_read_back_from_the_json_that_children_are_handed() -> None:
    """A child's settings equal its parent's, to the last digit of money."""
    settings = Settings.model_validate(
        {"capital_quote": "12345.00000001", "risk": {"max_order_notional": "0.3"}}
    )

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_settings_are_frozen() -> None:
    """Settings are decided once: nobody changes them while the engine runs."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings().risk.orders_per_second = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("capital", "tier", "daily_loss"),
    [
        ("500", Tier.SNIPER, 25),
        ("1999.99", Tier.SNIPER, 25),
        ("2000", Tier.HUNTER, 100),
        ("9999.99", Tier.HUNTER, 100),
        ("10000", Tier.STRATEGIST, 500),
    ],
)
def test_capital_decides_the_tier(capital: str, tier: Tier, daily_loss: int) -> None:
    """Sniper from $500, Hunter from $2 000, Strategist from $10 000; the daily loss follows."""
    settings = Settings.model_validate({"capital_quote": capital})

    assert settings.tier is tier
    assert settings.daily_loss_limit == daily_loss


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"capital_quote": "499.99"}, "greater than or equal to 500"),
        ({"capital_quote": "1000.000000001"}, "8 decimal places"),
        ({"capital_quote": "NaN"}, "finite"),
        ({"market": {"source": "replay"}}, "needs `path`"),
        ({"market": {"path": "tape.ndjson"}}, "only for replays"),
        ({"market": {"speed": -1}}, "greater than or equal to 0"),
        ({"venue": {"host": "192.0.2.1"}}, "this machine only"),
        ({"venue": {"host": "localhost"}}, "this machine only"),
        ({"venue": {"tls_key": "/key"}}, "belong together"),
        ({"venue": {"maker_fee": "-0.1"}}, "greater than or equal to 0"),
        ({"links": {"market_slots": 1000}}, "use 512 or 1024"),
        ({"strategies": {"count": 1}}, "nothing to do"),
        ({"supervision": {"restart_delay_max_ms": 100}}, "at least restart_delay_ms"),
        ({"risk": {"position_fraction": "1.01"}}, "less than or equal to 1"),
        ({"sizing": {"kelly_least": "0.03"}}, "kelly_least must be at most kelly_most"),
        ({"sizing": {"risk_per_trade": "0.0000001"}}, "6 decimal places"),
        ({"sizing": {"volatility_full": 0}}, "greater than 0"),
        ({"confidence": {"minimum": "1.1"}}, "less than or equal to 1"),
        ({"unknown": 1}, "not permitted"),
    ],
)
def test_nonsense_is_refused(values: dict[str, object], complaint: str) -> None:
    """What cannot be meant is refused when it is read, never when it would first matter."""
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate(values)


def test_a_roster_names_each_strategy_once() -> None:
    """Orders and positions are told apart by strategy_id, so two strategies cannot share one."""
    entry = {"strategy_id": "a", "kind": "ema_cross", "symbol": "BTCUSDT"}

    with pytest.raises(ValidationError, match="'a' stands twice"):
        Settings.model_validate({"strategies": {"roster": [entry, entry], "workers": 1}})


def test_a_roster_decides_how_many_strategies_run() -> None:
    """A roster replaces the default one, so `count` no longer matters."""
    entry = {"strategy_id": "a", "kind": "ema_cross", "symbol": "BTCUSDT"}
    settings = Settings.model_validate({"strategies": {"roster": [entry], "workers": 1}})

    assert settings.strategy_count == 1


def test_paths_are_absolute_and_derived_ones_stand_in_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A relative path starts where `genesis` was called, for every process of the engine."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate({"state_dir": "state", "logs": {"path": "~/log"}})

    assert settings.state_dir == tmp_path / "state"
    assert settings.log_path == Path.home() / "log"
    assert settings.venue_ledger_path == tmp_path / "state" / "venue.db"
    assert settings.control_socket_path == tmp_path / "state" / "control.sock"


def _undescribed(model: type[BaseModel]) -> list[str]:
    found: list[str] = []
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found += [f"{name}.{inner}" for inner in _undescribed(section)]
        elif not field.description:
            found.append(name)
    return found


def test_every_setting_is_described() -> None:
    """The description is the only documentation of a setting, so none goes without."""
    assert _undescribed(Settings) == []


@pytest.mark.parametrize(
    ("exchange", "complaint"),
    [
        ({"ws_api_url": "ws://venue.example/ws-api/v3"}, "must begin with wss://"),
        ({"rest_url": "http://192.0.2.1/api/v3"}, "must begin with https://"),
        ({"streams_url": "https://venue.example/stream"}, "a URL such as wss://"),
        ({"streams_url": "wss:///stream"}, "a URL such as wss://"),
        ({"ws_api_url": "wss://user:word@venue.example/"}, "host, port and path alone"),
        ({"ws_api_url": "wss://venue.example/?a=b"}, "host, port and path alone"),
        ({"ws_api_url": "wss://venue.example:port/"}, "Port could not be cast"),
    ],
)
def test_a_venue_is_reached_encrypted_or_on_this_machine(
    exchange: dict[str, object], complaint: str
) -> None:
    """Keys and orders never cross a network in the clear."""
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate({"exchange": exchange})


@pytest.mark.parametrize("host", ["127.0.0.1:80", "[::1]:80", "localhost"])
def test_a_venue_on_this_machine_may_do_without_encryption(host: str) -> None:
    """Tests and tunnels end here."""
    exchange = {"ws_api_url": f"ws://{host}/ws-api/v3", "rest_url": f"http://{host}/api/v3"}
    assert Settings.model_validate({"exchange": exchange}).exchange.rest_url is not None


def test_live_positions_are_protected() -> None:
    """A simulated venue may be traded on without stops; money is not."""
    bare = {"protection": {"enabled": False}}
    assert not Settings.model_validate(bare).protection.enabled
    with pytest.raises(ValidationError, match="every position has a stop at the venue"):
        Settings.model_validate(bare | {"mode": "live"})


def test_live_begins_with_a_canary_and_others_on_request() -> None:
    """Real money is never risked at full size first."""
    assert Settings(mode="live").has_canary
    assert not Settings(mode="testnet").has_canary
    assert Settings.model_validate({"canary": {"enabled": True}}).has_canary
    with pytest.raises(ValidationError, match="mode live begins with a canary"):
        Settings.model_validate({"mode": "live", "canary": {"enabled": False}})


@pytest.mark.parametrize("venue", [{"admin": True}, {"schedule": "faults.json"}])
@pytest.mark.parametrize("mode", ["testnet", "demo", "live"])
def test_faults_on_demand_are_for_the_simulated_venue(mode: str, venue: dict[str, object]) -> None:
    """A venue that is not ours takes none, and is not asked to."""
    assert Settings.model_validate({"venue": venue}).is_simulated
    with pytest.raises(ValidationError, match="for mode sim, this is"):
        Settings.model_validate({"mode": mode, "venue": venue})
