"""One client's connection as it begins: HTTP/1.1, until a WebSocket takes it over.

The protocol is the sans-I/O one of `h11`. An upgrade hands transport and handshake to the socket's
own protocol (`connection.py`), so that frames never pass through here.
"""

import asyncio
import gzip
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Protocol, cast
from urllib.parse import unquote_to_bytes

import h11
from websockets.datastructures import Headers
from websockets.http11 import Request as Handshake

from genesis.limits import (
    VENUE_GZIP_BYTES_MIN,
    VENUE_HTTP_BODY_BYTES_MAX,
    VENUE_HTTP_HEAD_BYTES_MAX,
    VENUE_HTTP_IDLE_MAX,
)
from genesis.units import NANOS_PER_SECOND
from genesis.venue.connection import client_address
from genesis.venue.http_messages import HttpReply, HttpRequest, HttpResponse, html_response

_GZIP_LEVEL: Final = 1  # the loop waits for it


class HttpKeeper(Protocol):
    """The server, as its HTTP connections see it."""

    def connected(self, connection: "HttpConnection") -> bool:
        """Take note of a new connection; False if there is no room for it."""

    def disconnected(self, connection: "HttpConnection") -> None:
        """Take note that a connection is gone, or is a WebSocket from now on."""

    def answer(self, request: HttpRequest, reply: HttpReply) -> None:
        """Answer a request, now or later."""

    def new_websocket(self) -> asyncio.Protocol:
        """Return the protocol that takes over the connection of a WebSocket handshake."""

    def failed(self, error: Exception) -> None:
        """Take note that the venue itself broke while it served this connection."""


class _PendingReply:
    """Where the answer to the request under way goes."""

    __slots__ = ("_connection", "accepts_gzip", "is_head")

    def __init__(self, connection: "HttpConnection", request: HttpRequest) -> None:
        self._connection = connection
        encodings = request.headers.get("accept-encoding", "").split(",")
        self.accepts_gzip = any(name.partition(";")[0].strip() == "gzip" for name in encodings)
        self.is_head = request.verb == "HEAD"

    def send(self, response: HttpResponse) -> None:
        self._connection.finish(self, response)

    def cut(self) -> None:
        self._connection.cut(self)


class HttpConnection(asyncio.Protocol):
    """One client's HTTP connection: a request at a time, kept alive between them."""

    def __init__(self, keeper: HttpKeeper) -> None:
        self._keeper = keeper
        self._protocol = h11.Connection(
            h11.SERVER, max_incomplete_event_size=VENUE_HTTP_HEAD_BYTES_MAX
        )
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._pending: _PendingReply | None = None
        self._is_acting = False
        self._timer: asyncio.TimerHandle | None = None

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are such by behavior, not by class.
        self._transport = cast(asyncio.Transport, transport)
        self._address = client_address(transport)
        if self._keeper.connected(self):
            self._expect_request()
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, whoever ended it."""
        del exc
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and act on the request they complete."""
        self._protocol.receive_data(data)
        if self._pending is None:
            self._act()
        elif self._transport is not None:
            # It sends ahead of the answer: what it may send of that is no more than this.
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Take the client's end of sending; the transport closes itself."""

    # The keeper's side.

    def close(self) -> None:
        """End the connection because the venue does."""
        self.abort()

    def abort(self) -> None:
        """Cut the connection off, without a word."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self, reply: _PendingReply, response: HttpResponse) -> None:
        """Answer the request under way, if it is this one; then turn to the next."""
        if reply is not self._pending or self._transport is None:
            return
        self._pending = None
        self._send(response, accepts_gzip=reply.accepts_gzip, is_head=reply.is_head)
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
            self._transport.resume_reading()
            self._expect_request()
            if not self._is_acting:
                self._act()
        else:
            self._transport.close()

    def cut(self, reply: _PendingReply) -> None:
        """Cut the connection off instead of answering the request under way, if it is this one."""
        if reply is self._pending:
            self.abort()

    def _act(self) -> None:
        """Take in what has come, until a request must wait for its answer."""
        self._is_acting = True
        try:
            while self._transport is not None and self._pending is None:
                event = self._protocol.next_event()
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._complete()
                else:
                    break
        except h11.RemoteProtocolError as error:
            self._reject(HTTPStatus(error.error_status_hint))
        finally:
            self._is_acting = False

    def _begin(self, head: h11.Request) -> None:
        self._head = head
        self._body.clear()
        self._body_bytes = 0
        if self._protocol.they_are_waiting_for_100_continue:
            goes_on = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
            self._write((self._protocol.send(goes_on),))

    def _take(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > VENUE_HTTP_BODY_BYTES_MAX:
            text = "the body is too long"
            raise h11.RemoteProtocolError(text, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._body.append(bytes(data))

    def _complete(self) -> None:
        """Answer a whole request, or let a WebSocket begin with it."""
        head = self._head
        assert head is not None, "a request's end comes after its head"
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        if headers.get("upgrade", "").lower() == "websocket":
            self._hand_over(head)
            return
        path, _, query = head.target.partition(b"?")
        request = HttpRequest(
            verb=head.method.decode(),
            path=unquote_to_bytes(path).decode(errors="replace"),
            address=self._address,
            query=query,
            headers=headers,
            body=b"".join(self._body),
        )
        self._pending = reply = _PendingReply(self, request)
        self._cancel_timer()
        try:
            self._keeper.answer(request, reply)
        except Exception as error:
            self._keeper.failed(error)

    def _hand_over(self, head: h11.Request) -> None:
        """Let a WebSocket's protocol go on, from its handshake on."""
        transport = self._transport
        assert transport is not None, "data comes by a transport"
        handshake = Handshake(
            head.target.decode(),
            Headers((name.decode(), value.decode("latin-1")) for name, value in head.headers),
            head.method.decode(),
        )
        received, _ = self._protocol.trailing_data
        self._leave()
        successor = self._keeper.new_websocket()
        transport.set_protocol(successor)
        successor.connection_made(transport)
        successor.data_received(handshake.serialize() + received)

    def _reject(self, status: HTTPStatus) -> None:
        """Refuse what is no proper request; the connection ends with it."""
        transport = self._transport
        if transport is None or self._protocol.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        self._send(html_response(status), accepts_gzip=False, is_head=False)
        transport.close()

    def _send(self, response: HttpResponse, *, accepts_gzip: bool, is_head: bool) -> None:
        body = response.body
        headers = [("Content-Type", response.content_type), *response.headers]
        if accepts_gzip and len(body) >= VENUE_GZIP_BYTES_MIN:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        send = self._protocol.send
        status = HTTPStatus(response.status)
        head = send(h11.Response(status_code=status, reason=status.phrase, headers=headers))
        content = b"" if is_head else send(h11.Data(data=body))
        self._write((head, content, send(h11.EndOfMessage())))

    def _write(self, parts: Iterable[bytes | None]) -> None:
        assert self._transport is not None, "an answer needs a transport"
        self._transport.write(b"".join(part or b"" for part in parts))

    # Silence.

    def _expect_request(self) -> None:
        """Give the client a while for a whole request."""
        self._cancel_timer()
        seconds = VENUE_HTTP_IDLE_MAX / NANOS_PER_SECOND
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        self._cancel_timer()
        self._transport = self._pending = None
        self._keeper.disconnected(self)
