"""The configuration as a document that explains itself."""

from pathlib import Path

import pytest

from genesis.cli.settings_document import settings_document
from genesis.config import Settings
from genesis.config_loading import load_settings

EVERYTHING_SET = Settings.model_validate(
    {
        "state_dir": '/tmp/a "b" \\ ü',
        "capital_quote": "1234.00000001",
        "market": {"source": "replay", "path": "/tape", "speed": 0.25, "loop": False},
        "strategies": {
            "workers": 1,
            "symbols": ["BTCUSDT", "ETHUSDT"],
            "roster": [
                {
                    "strategy_id": "a-1",
                    "kind": "ema_cross",
                    "symbol": "BTCUSDT",
                    "parameters": {"fast": 3, "band": 0.5, "mode": "x"},
                }
            ],
        },
        "risk": {"daily_loss": {"sniper": "7.5"}},
        "exchange": {"ca_file": "/ca.pem"},
        "venue": {"tls_certificate": "/venue.pem", "tls_key": "/venue.key"},
        "credentials": {"key_file": "/key"},
    }
)


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING_SET], ids=["defaults", "all set"])
def test_the_document_reads_back_as_the_same_settings(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`genesis config > genesis.toml` is a configuration file."""
    config_file = tmp_path / "genesis.toml"
    config_file.write_text(settings_document(settings))
    monkeypatch.setattr("genesis.config_loading._missing_files", lambda _settings: [])

    assert load_settings(config_file, environ={}) == settings


def test_each_key_follows_what_it_means() -> None:
    """The document is the reference of all settings."""
    lines = settings_document(Settings()).splitlines()

    assert lines[lines.index("data_max_age_ms = 2000") - 1] == (
        "# Older quotes than this open no position, ms."
    )


def test_a_setting_that_is_none_is_shown_as_a_comment() -> None:
    """TOML has no word for none, and a key that is left out of sight is never found."""
    assert "# path =" in settings_document(Settings()).splitlines()
