"""What a REST reply means, put as the WebSocket API would have put it. Pure.

The same functions then read outcomes off both transports. What a status means is said by
`binance-spot.md` section 8.4. A body that is not JSON is never taken for more than its status: a
firewall's page, a retired path, a gateway that gave up.
"""

import contextlib
from collections.abc import Mapping
from typing import Final

import msgspec

from genesis.errors import MalformedMessage
from genesis.exchange.binance.messages import Envelope, ErrorBody, ErrorData, decode_error
from genesis.exchange.binance.rate_replies import retry_at_from_headers

_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_SERVER_ERRORS: Final = range(500, 600)
_JSON: Final = "application/json"
_NO_CODE: Final = 0

_MEANINGS: Final[Mapping[int, str]] = {
    401: "the key is refused",
    403: "the venue's firewall turned it away: too many requests, a barred place or suspect words",
    404: "there is no such path: it was retired, or this is not the venue",
    410: "the path was retired",
    418: "this address is banned",
    429: "too many requests",
    451: "the venue does not serve this place",
}


def envelope_of(status: int, headers: Mapping[str, str], body: bytes, venue_ms: int) -> Envelope:
    """Return a reply as an envelope; `headers` are found by their names in lower case.

    `venue_ms` is the venue's time now: the header counts from it when requests may go on.
    """
    if status == _OK:
        return Envelope(status=status, result=msgspec.Raw(body))
    error = _error_of(status, headers, body)
    retry_at_ms = retry_at_from_headers(headers, venue_ms)
    if retry_at_ms:
        error.data = ErrorData(retryAfter=retry_at_ms)
    return Envelope(status=status, error=error)


def _error_of(status: int, headers: Mapping[str, str], body: bytes) -> ErrorBody:
    if headers.get("content-type", "").startswith(_JSON):
        with contextlib.suppress(MalformedMessage):  # then its status is all there is
            return decode_error(body)
    return ErrorBody(code=_NO_CODE, msg=f"HTTP {status}: {_meaning(status, headers)}")


def _meaning(status: int, headers: Mapping[str, str]) -> str:
    if status in _REDIRECTS:
        return f"a redirect to {headers.get('location', 'nowhere')[:80]!r}, which is not followed"
    if status in _SERVER_ERRORS:
        return "the venue failed"
    return _MEANINGS.get(status, "an answer of no known kind")
