"""The REST API without its sockets: requests in, responses out (`binance-spot.md` section 8).

It serves the methods of `api_methods.py` under their paths; the desk is that of the WebSocket API,
so both spend one weight and see one exchange.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_plus

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.api_call import Method, Security
from genesis.venue.api_methods import METHODS
from genesis.venue.http_messages import HttpRequest, HttpResponse, html_response, json_response
from genesis.venue.parameters import Parameters
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import Admitted, Credentials, RequestDesk
from genesis.venue.request_limits import RateLimitCount
from genesis.venue.signatures import SIGNATURE_PARAMETER
from genesis.venue.time_units import time_unit_of_headers
from genesis.venue.wallet_methods import WALLET_METHODS

KEY_HEADER: Final = "x-mbx-apikey"

_SPOT_ENDPOINTS: Final = {
    ("GET", "ping"): "ping",
    ("GET", "time"): "time",
    ("GET", "exchangeInfo"): "exchangeInfo",
    ("GET", "depth"): "depth",
    ("GET", "trades"): "trades.recent",
    ("GET", "klines"): "klines",
    ("GET", "uiKlines"): "uiKlines",
    ("GET", "avgPrice"): "avgPrice",
    ("GET", "ticker/24hr"): "ticker.24hr",
    ("GET", "ticker/price"): "ticker.price",
    ("GET", "ticker/bookTicker"): "ticker.book",
    ("POST", "order"): "order.place",
    ("POST", "order/test"): "order.test",
    ("GET", "order"): "order.status",
    ("DELETE", "order"): "order.cancel",
    ("GET", "openOrders"): "openOrders.status",
    ("DELETE", "openOrders"): "openOrders.cancelAll",
    ("GET", "allOrders"): "allOrders",
    ("POST", "orderList/oco"): "orderList.place.oco",
    ("DELETE", "orderList"): "orderList.cancel",
    ("GET", "orderList"): "orderList.status",
    ("GET", "openOrderList"): "openOrderLists.status",
    ("GET", "allOrderList"): "allOrderLists",
    ("GET", "account"): "account.status",
    ("GET", "account/commission"): "account.commission",
    ("GET", "rateLimit/order"): "account.rateLimits.orders",
    ("GET", "myTrades"): "myTrades",
}
assert set(_SPOT_ENDPOINTS.values()) == METHODS.keys(), "every method has its twin"

ENDPOINTS: Final[Mapping[tuple[str, str], str]] = {
    **{(verb, f"/api/v3/{path}"): name for (verb, path), name in _SPOT_ENDPOINTS.items()},
    **{("GET", path): path for path in WALLET_METHODS},
}
"""Verb and path of every request, and the name of the method that answers it."""

RETIRED_ENDPOINTS: Final = tuple(
    (verb, "/api/v3/userDataStream") for verb in ("POST", "PUT", "DELETE")
)
"""Gone since 2026-02-20: answered 410, with a page (`binance-spot.md` section 1)."""

_METHODS: Final[Mapping[str, Method]] = {**METHODS, **WALLET_METHODS}
_MS_PER_SECOND: Final = 1_000


class RestApi:
    """Judges and carries out requests; it keeps nothing of its own."""

    def __init__(self, desk: RequestDesk) -> None:
        self._desk = desk

    def admit(self, method: str, request: HttpRequest, now: Nanos) -> Admitted:
        """Judge a request that has come in. `forward` and `execute` must follow, now or later."""
        admitted = Admitted(method=method)
        try:
            self._admit(admitted, request, now)
        except Refused as refusal:
            admitted.refusal = refusal
        return admitted

    def forward(self, admitted: Admitted, now: Nanos) -> None:
        """Hand an admitted request to matching, unless a trading request has grown too old."""
        self._desk.forward(admitted, now)

    def execute(self, admitted: Admitted, now: Nanos) -> HttpResponse:
        """Carry out a forwarded request, and return the response to it."""
        try:
            if admitted.refusal is not None:
                raise admitted.refusal
            result = self._desk.run(_METHODS[admitted.method], admitted, now)
        except Refused as refusal:
            return self.refuse(refusal, now)
        headers = [*self._weight_headers(now), *self._order_headers(admitted, now)]
        return json_response(result, headers=tuple(headers), time_unit=admitted.time_unit)

    def refuse(self, refusal: Refused, now: Nanos) -> HttpResponse:
        """Return the response that refuses a request."""
        if refusal.is_page:
            return html_response(HTTPStatus(refusal.status))
        headers = [*self._weight_headers(now)]
        if refusal.retry_at_ms:
            wait_ms = refusal.retry_at_ms - now // NANOS_PER_MS
            headers.append(("Retry-After", str(-(-wait_ms // _MS_PER_SECOND))))
        document = {"code": refusal.code, "msg": refusal.text}
        return json_response(document, refusal.status, tuple(headers))

    def _admit(self, admitted: Admitted, request: HttpRequest, now: Nanos) -> None:
        admitted.parameters = read_parameters(request)
        method = _METHODS[admitted.method]
        self._desk.spend(admitted, method.weigh(admitted.parameters), now)
        admitted.time_unit = time_unit_of_headers(request.headers)
        if method.security is not Security.NONE:
            credentials = Credentials(
                request.headers.get(KEY_HEADER, ""),
                admitted.parameters.texts.get(SIGNATURE_PARAMETER),
                (signed_payload(request),),
            )
            verifier = self._desk.authenticate(admitted, credentials, now)
            self._desk.authorize(method, admitted, verifier.key)

    def _weight_headers(self, now: Nanos) -> Iterator[tuple[str, str]]:
        entry = self._desk.weight.entry(now // NANOS_PER_MS)
        used = str(entry.count)
        yield "X-MBX-USED-WEIGHT", used
        yield f"X-MBX-USED-WEIGHT-{_window_letters(entry)}", used

    def _order_headers(self, admitted: Admitted, now: Nanos) -> Iterator[tuple[str, str]]:
        for entry in self._desk.order_counts(admitted, now):
            yield f"X-MBX-ORDER-COUNT-{_window_letters(entry)}", str(entry.count)


def _window_letters(entry: RateLimitCount) -> str:
    return f"{entry.interval_num}{entry.interval[0]}"


def read_parameters(request: HttpRequest) -> Parameters:
    """Return the parameters of query and form body; one sent in both is the query's.

    Raises:
        Refused: -1101, one stands twice in the same place.
    """
    texts: dict[str, str] = {}
    for part in (request.body, request.query):
        read: dict[str, str] = {}
        for pair in part.decode(errors="replace").split("&"):
            name, _, value = map(unquote_plus, pair.partition("="))
            if name in read:
                raise refusals.duplicate_parameter()
            if name:
                read[name] = value
        texts |= read
    return Parameters(texts)


def signed_payload(request: HttpRequest) -> bytes:
    """Return what a signature is of: query, then body, as sent, without the signature itself."""
    mark = f"{SIGNATURE_PARAMETER}=".encode()
    return b"".join(
        b"&".join(pair for pair in part.split(b"&") if not pair.startswith(mark))
        for part in (request.query, request.body)
    )
