"""HTTP requests and responses as values, and who answers which. Pure.

Replies have the live venue's types: JSON for what the API says, HTML for what stands before it
(`binance-spot.md` sections 8.3 and 8.4).
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

import msgspec

from genesis.venue.time_units import TimeUnit, encode_json

JSON_TYPE: Final = "application/json;charset=UTF-8"
HTML_TYPE: Final = "text/html"


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path` is decoded; `query` and `body` are as sent, for signatures are of them.

    Names of `headers` are in lower case; of a header sent twice the last one stands. `address` is
    the client's, without its port.
    """

    verb: str
    path: str
    address: str = ""
    query: bytes = b""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One response, but for the headers that belong to its way (length, encoding, connection)."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()

    def cut_short(self) -> "HttpResponse":
        """Return the same response with half of its body."""
        return msgspec.structs.replace(self, body=self.body[: len(self.body) // 2])


class HttpReply(Protocol):
    """Where the answer to one request goes, now or later."""

    def send(self, response: HttpResponse) -> None:
        """Answer. Only the first answer goes out, and none to a client that is gone."""

    def cut(self) -> None:
        """Cut the connection off instead."""


HttpHandler: TypeAlias = Callable[[HttpRequest, HttpReply], None]


def json_response(
    document: object,
    status: int = HTTPStatus.OK,
    headers: tuple[tuple[str, str], ...] = (),
    time_unit: TimeUnit = TimeUnit.MILLISECOND,
) -> HttpResponse:
    """Return a response with a document of the API."""
    return HttpResponse(status=status, body=encode_json(document, time_unit), headers=headers)


def html_response(status: HTTPStatus) -> HttpResponse:
    """Return what a proxy before the API says."""
    title = f"{status.value} {status.phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return HttpResponse(status=status, body=page.encode(), content_type=HTML_TYPE)


class HttpRouter:
    """Who answers which verb and path."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], HttpHandler] = {}

    def add(self, verb: str, path: str, handler: HttpHandler) -> None:
        """Let a handler answer a verb on exactly this path."""
        assert (verb, path) not in self._handlers, "one handler answers"
        self._handlers[verb, path] = handler

    def find(self, request: HttpRequest) -> HttpHandler | None:
        """Return who answers a request, or None."""
        return self._handlers.get((request.verb, request.path))
