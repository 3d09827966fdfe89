"""Redaction: secrets are blanked by the name of their field and by their look."""

import pytest
from pydantic import SecretStr

from genesis.redaction import REDACTED, is_secret_name, redact, redact_text

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAB\n-----END PRIVATE KEY-----"
SIGNATURE = (
    "UlTT9mxYlv64znGv5AQiynRz4ZG1XQgmQ6aVtMzRfuk8NrpT2BrFxwWeLBt5dA2RnZ6ofVRicFUXMBTt585jBw=="
)


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "secret", "private_key", "venue_api_key", "X-MBX-APIKEY", "signature"],
)
def test_fields_named_like_a_secret_are_blanked(name: str) -> None:
    """Whatever stands in such a field is not for anybody's eyes."""
    assert redact({name: "canary"}) == {name: REDACTED}


@pytest.mark.parametrize("name", ["key_file", "tokens_left", "keyed", "api_keys_known", "symbol"])
def test_fields_that_only_sound_like_a_secret_are_shown(name: str) -> None:
    """A log that blanks too much helps nobody."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v3/order?symbol=BTCUSDT&signature=canary&x=1",
        '{"params":{"apiKey":"canary","symbol":"BTCUSDT"}}',
        '{"params":{"signature":"canary"}}',
        "X-MBX-APIKEY: canary",
        "postgresql://genesis:canary@127.0.0.1/genesis",
        "postgresql://127.0.0.1/genesis?password=canary&sslmode=require",
        PEM.replace("MC4C", "canary"),
        PEM.replace("MC4C", "canary").partition("-----END")[0],
        f"key {'canary'.ljust(64, 'A')} was refused",
        f"signed {SIGNATURE.replace('UlTT9m', 'canary')}",
    ],
)
def test_secrets_inside_text_are_blanked(text: str) -> None:
    """URLs, frames, headers and tracebacks carry secrets in the middle of other words."""
    redacted = redact_text(text)

    assert "canary" not in redacted
    assert REDACTED in redacted


def test_secrets_are_found_however_deep_they_lie() -> None:
    """Mappings and lists are looked into; what lies deeper than any log line needs is blanked."""
    deep: object = "canary"
    for _ in range(20):
        deep = {"in": [deep]}
    value = {"a": [{"secret": "canary"}, (SecretStr("canary"),)], "b": b"apiKey=canary", "c": deep}

    assert "canary" not in repr(redact(value))


def test_everything_else_stays_as_it_is() -> None:
    """Redaction changes no fact."""
    value = {"symbol": "BTCUSDT", "quantity": 5, "levels": [1.5, None, True], "text": "x" * 63}

    assert redact(value) == value
