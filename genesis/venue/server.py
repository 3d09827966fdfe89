"""The venue on a loopback port: streams, WebSocket API and REST over one exchange.

A thin shell: it reads the clock, wakes the market when it acts next, and carries bytes. One loop
serves everything, so the exchange sees one thing at a time.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from random import Random
from typing import Final
from urllib.parse import parse_qs, urlsplit

from genesis.errors import ConfigError, ResourceError
from genesis.limits import (
    VENUE_ACTS_PER_TURN_MAX,
    VENUE_CONNECTIONS_MAX,
    VENUE_MARKS_PERIOD,
    VENUE_TURN_MIN,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from genesis.venue.admin import FaultAdmin
from genesis.venue.api_conversation import ApiConversation
from genesis.venue.assembly import build_exchange
from genesis.venue.config import VenueConfig
from genesis.venue.connection import Clock, Conversation, HandshakeRefusal, VenueConnection
from genesis.venue.exchange import Exchange
from genesis.venue.fault_desk import FaultDesk
from genesis.venue.fault_documents import FaultRefused
from genesis.venue.fault_stage import FaultStage
from genesis.venue.faults import FaultOptions, FaultPlan
from genesis.venue.http_connection import HttpConnection
from genesis.venue.http_messages import HttpReply, HttpRequest, HttpRouter, html_response
from genesis.venue.open_sockets import OpenSockets
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import RequestDesk
from genesis.venue.request_limits import ConnectionLimit, WeightLimit
from genesis.venue.rest_conversation import RestConversations
from genesis.venue.signatures import KeyVerifier
from genesis.venue.sqlite_ledger import SqliteLedger
from genesis.venue.stream_conversation import StreamConversation
from genesis.venue.stream_hub import StreamHub
from genesis.venue.stream_session import stream_path
from genesis.venue.time_units import encode_json, time_unit_of_url
from genesis.venue.tls import server_tls
from genesis.venue.user_streams import UserStreams
from genesis.venue.venue_acts import SocketKind

API_PATH: Final = "/ws-api/v3"


class VenueServer:
    """A simulated venue. `start` opens it, `close` ends it; `failure` ends with what broke it.

    Once it has failed, it answers nothing more: its memory may be ahead of its ledger.
    """

    def __init__(self, config: VenueConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._connections: dict[HttpConnection | VenueConnection, None] = {}
        self._paused: set[VenueConnection] = set()
        self._numbers = count()
        self._faults = _fault_desk(config.faults)
        self._hub = StreamHub(self._wake)
        self._sockets = OpenSockets(self, config.connection_life, config.shutdown_lead)
        self._attempts = ConnectionLimit(config.rules.limits)
        self._router = HttpRouter()
        self._server: asyncio.Server | None = None
        self._turn_timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._marks_timer: asyncio.TimerHandle | None = None
        self._all_gone = asyncio.Event()
        self._ledger: SqliteLedger | None = None
        self._exchange: Exchange | None = None
        self._api: RequestDesk | None = None
        self._stage: FaultStage | None = None
        self._clock_offset: Nanos = 0
        self.failure: asyncio.Future[None] | None = None

    @property
    def exchange(self) -> Exchange:
        """The exchange, once the venue is open."""
        assert self._exchange is not None, "start comes first"
        return self._exchange

    @property
    def stage(self) -> FaultStage:
        """Where faults are given and played, once the venue is open."""
        assert self._stage is not None, "start comes first"
        return self._stage

    @property
    def frames_sent(self) -> int:
        """How many stream frames went out, over all connections."""
        return self._hub.frames_sent

    async def start(self, host: str, port: int) -> int:
        """Open the venue and return the port it listens on; port 0 takes a free one.

        Raises:
            ConfigError: The tape or the certificate cannot be used, a key is malformed, the model
                is too small, or the schedule has a fault that cannot be played.
            ResourceError: The port cannot be had.
            StorageError: The ledger cannot be opened.
        """
        loop = asyncio.get_running_loop()
        self.failure = loop.create_future()
        self._ledger = SqliteLedger(self._config.ledger_path)
        try:
            self._set_up(self._ledger)
            self._server = await self._listen(host, port)
        except BaseException:
            self._cancel_timers()
            self._ledger.close()
            self._ledger = None
            raise
        self._wake()
        self._schedule_marks()
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    def _set_up(self, ledger: SqliteLedger) -> None:
        """Make what answers: the exchange, its two transports, and the faults of the schedule."""
        config = self._config
        verifiers = {key.api_key: KeyVerifier(key) for key in config.keys}
        exchange = build_exchange(config, ledger, self._hub.subscribers, self._clock())
        weight = WeightLimit(config.rules.limits)
        self._exchange = exchange
        self._api = RequestDesk(exchange, verifiers, weight, UserStreams())
        RestConversations(self._api, self).add_to(self._router)
        self._stage = FaultStage(self, self._faults, self._sockets, self._api)
        if config.admin:
            FaultAdmin(self._stage).add_to(self._router)
        try:
            self._stage.give(config.schedule)
        except FaultRefused as refusal:
            raise ConfigError(f"the venue's schedule of faults: {refusal}") from None

    async def close(self) -> None:
        """Close every connection and the ledger. Orders stay open, as on record."""
        self._cancel_timers()
        if self._server is not None:
            self._server.close()
        self._all_gone.clear()
        for connection in tuple(self._connections):
            connection.close()
        if self._connections:
            await self._all_gone.wait()
        if self._ledger is not None and self._exchange is not None:
            if not self.has_failed:
                self._exchange.save_marks()
            self._ledger.close()

    def _cancel_timers(self) -> None:
        for timer in (self._turn_timer, self._marks_timer):
            if timer is not None:
                timer.cancel()
        if self._stage is not None:
            self._stage.close()

    async def _listen(self, host: str, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        files = self._config.tls
        tls = None if files is None else server_tls(files)
        try:
            return await loop.create_server(lambda: HttpConnection(self), host, port, ssl=tls)
        except OSError as error:
            raise ResourceError(
                f"venue: port {port} on {host} cannot be had ({error.strerror or error}); "
                "set venue.port to a free one, or to 0"
            ) from error

    # What connections ask of their keeper.

    def answer(self, request: HttpRequest, reply: HttpReply) -> None:
        """Hand an HTTP request to whoever answers its path."""
        if self.has_failed or self._api is None:
            reply.send(html_response(HTTPStatus.SERVICE_UNAVAILABLE))
            return
        handler = self._router.find(request)
        if handler is not None:
            handler(request, reply)
        elif request.path == API_PATH or stream_path(request.path) is not None:
            reply.send(html_response(HTTPStatus.UPGRADE_REQUIRED))
        else:
            reply.send(html_response(HTTPStatus.NOT_FOUND))

    def new_websocket(self) -> VenueConnection:
        """Return the protocol that takes over the connection of a WebSocket handshake."""
        return VenueConnection(self, self._clock, self._config.pings)

    def converse(self, connection: VenueConnection, target: str) -> Conversation | HandshakeRefusal:
        """Return the conversation that a request target opens, or why there is none."""
        if self.has_failed or self._api is None:
            return HandshakeRefusal(HTTPStatus.SERVICE_UNAVAILABLE)
        kind = _kind_of(target)
        if kind is None:
            return HandshakeRefusal(HTTPStatus.NOT_FOUND)
        refusal = self._limit_attempts(connection.address) or self.stage.meet(connection, kind)
        if refusal is not None:
            return refusal
        try:
            conversation = self._conversation(connection, target, self._api)
        except Refused as refused:
            document = encode_json({"code": refused.code, "msg": refused.text})
            return HandshakeRefusal(HTTPStatus(refused.status), text=document.decode())
        self._sockets.add(connection, conversation, kind)
        return conversation

    def _limit_attempts(self, address: str) -> HandshakeRefusal | None:
        """Refuse an address that has connected too often (`binance-spot.md` section 8.3)."""
        now_ms = self.now() // NANOS_PER_MS
        retry_at_ms = self._attempts.count_attempt(address, now_ms)
        if not retry_at_ms:
            return None
        return HandshakeRefusal(HTTPStatus.TOO_MANY_REQUESTS, -(-(retry_at_ms - now_ms) // 1_000))

    def _conversation(
        self, connection: VenueConnection, target: str, api: RequestDesk
    ) -> Conversation:
        """Open a conversation. Raises Refused for a parameter of the URL that means nothing."""
        time_unit = time_unit_of_url(target)
        if _kind_of(target) == "streams":
            is_flat = self._config.flat_control_errors
            return StreamConversation(
                connection,
                self._hub,
                self._clock,
                target,
                time_unit=time_unit,
                flat_errors=is_flat,
            )
        wanted = parse_qs(urlsplit(target).query).get("returnRateLimits", ["true"])[-1]
        return ApiConversation(
            connection,
            api,
            self,
            number=next(self._numbers),
            rate_limits=wanted != "false",
            time_unit=time_unit,
        )

    def connected(self, connection: HttpConnection | VenueConnection) -> bool:
        """Take note of a new connection; False if there is no room for it."""
        if len(self._connections) >= VENUE_CONNECTIONS_MAX:
            return False
        self._connections[connection] = None
        return True

    def disconnected(self, connection: HttpConnection | VenueConnection) -> None:
        """Take note that a connection is gone."""
        self._connections.pop(connection, None)
        if isinstance(connection, VenueConnection):
            self._sockets.remove(connection)
            self.paused(connection, is_paused=False)
        if not self._connections:
            self._all_gone.set()

    def paused(self, connection: VenueConnection, *, is_paused: bool) -> None:
        """Hold a tape that plays as fast as it is taken while a client falls behind."""
        if is_paused:
            self._paused.add(connection)
        else:
            self._paused.discard(connection)
            self._wake()

    def failed(self, error: Exception) -> None:
        """Stop serving, and let whoever waits on `failure` know why."""
        assert self.failure is not None
        if not self.failure.done():
            self.failure.set_exception(error)

    # What conversations ask of their venue.

    @property
    def has_failed(self) -> bool:
        """Whether the venue answers nothing more."""
        return self.failure is not None and self.failure.done()

    @property
    def faults(self) -> FaultDesk:
        """What goes wrong."""
        return self._faults

    @property
    def latency(self) -> Nanos:
        """How long a request is on its way."""
        return self._config.latency

    def now(self) -> Nanos:
        """Return the venue's time."""
        return self._clock() + self._clock_offset

    def step_clock(self, step: Nanos) -> None:
        """Set the venue's clock forward, or back; the market moves along."""
        self._clock_offset += step
        self.exchange.market.shift(step)
        self._wake()

    def after(self, delay: Nanos, act: Callable[[], None]) -> None:
        """Act when a delay is over: at once if there is none."""
        if delay == 0:
            act()
        else:
            self.schedule(delay, act)

    def schedule(self, delay: Nanos, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Act when a delay is over; the timer can be canceled."""
        loop = asyncio.get_running_loop()
        return loop.call_later(delay / NANOS_PER_SECOND, self._guard, act)

    def tell(self) -> None:
        """Send what the last step has to say: to the public, then to those it concerns."""
        assert self._api is not None
        messages = self.exchange.market.take_messages()
        if self._faults.has_frame_faults:
            messages = self.stage.strike_frames(messages, self._hub.publish)
        self._hub.publish(messages)
        self._api.user_streams.publish(self.exchange.take_events())

    # The market's turns.

    def _wake(self) -> None:
        """Take a turn soon: something may have become due."""
        if self._exchange is not None:
            self._schedule_turn(0.0)

    def _schedule_turn(self, seconds: float) -> None:
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        loop = asyncio.get_running_loop()
        self._turn_timer = loop.call_later(seconds, self._guard, self._turn)

    def _turn(self) -> None:
        """Let the market act as far as it is due, and see to the next turn."""
        if self.has_failed or (self._config.replay.speed == 0 and self._paused):
            return
        exchange = self.exchange
        now = self.now()
        more_due = exchange.advance(now, VENUE_ACTS_PER_TURN_MAX)
        self.tell()
        next_at = exchange.next_at
        if more_due:
            self._schedule_turn(0.0)
        elif next_at is not None:
            self._schedule_turn(max(VENUE_TURN_MIN, next_at - now) / NANOS_PER_SECOND)

    def _schedule_marks(self) -> None:
        self._marks_timer = self.schedule(VENUE_MARKS_PERIOD, self._save_marks)

    def _save_marks(self) -> None:
        self.exchange.save_marks()
        self._schedule_marks()

    def _guard(self, act: Callable[[], None]) -> None:
        """Run a timer's act; what breaks it breaks the venue, where the loop would only log it."""
        try:
            act()
        except Exception as error:
            self.failed(error)


def _kind_of(target: str) -> SocketKind | None:
    """Return what a request target leads to, or None if to nothing."""
    if urlsplit(target).path.rstrip("/") == API_PATH:
        return "api"
    return None if stream_path(target) is None else "streams"


def _fault_desk(options: FaultOptions) -> FaultDesk:
    """Return the desk of a venue; a run that can be repeated is the point of its seeds."""
    plan = FaultPlan(options, Random(options.seed)) if options.any_fault else None  # noqa: S311
    return FaultDesk(Random(options.seed), plan)  # noqa: S311
