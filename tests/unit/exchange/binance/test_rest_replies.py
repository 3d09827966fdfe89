"""REST replies as envelopes: the same reading of outcomes for both transports."""

import pytest

from genesis.exchange.binance.messages import decode_time
from genesis.exchange.binance.rest_replies import envelope_of
from genesis.units import NANOS_PER_MS

JSON = {"content-type": "application/json;charset=UTF-8"}
HTML = {"content-type": "text/html"}
VENUE_MS = 1_780_000_000_000


def test_a_success_is_its_body() -> None:
    """It is left unread, for the decoder that knows what was asked."""
    envelope = envelope_of(200, JSON, b'{"serverTime":5}', VENUE_MS)
    assert envelope.fault is None
    assert decode_time(envelope.result) == 5 * NANOS_PER_MS


def test_an_error_is_code_and_words() -> None:
    """As the WebSocket API would have said it."""
    fault = envelope_of(400, JSON, b'{"code":-1013,"msg":"Filter failure: X"}', VENUE_MS).fault
    assert fault is not None
    assert (fault.status, fault.code, fault.reason) == (400, -1013, "Filter failure: X")
    assert fault.retry_at_ms == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(HTML, b'{"code":-1013,"msg":"x"}', id="JSON that calls itself a page"),
        pytest.param(JSON, b"<html>", id="a page that calls itself JSON"),
        pytest.param(JSON, b'{"msg":"x"}', id="no code"),
        pytest.param({}, b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 429, 451, 500, 599, 302, 204])
def test_without_an_error_body_a_reply_is_its_status(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """Code 0 proves nothing about an order, whatever the status."""
    fault = envelope_of(status, headers, body, VENUE_MS).fault
    assert fault is not None
    assert (fault.status, fault.code) == (status, 0)
    assert fault.reason.startswith(f"HTTP {status}: ")


def test_a_wait_is_a_time_of_the_venue() -> None:
    """Seconds from now; with an error's own words and with a page."""
    for headers, body in ((JSON, b'{"code":-1003,"msg":"x"}'), (HTML, b"<html>")):
        fault = envelope_of(429, {**headers, "retry-after": "7"}, body, VENUE_MS).fault
        assert fault is not None
        assert fault.retry_at_ms == VENUE_MS + 7_000
