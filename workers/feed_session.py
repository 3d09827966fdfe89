"""One connection of the feed: what it is asked for, what it answers, what it brings."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec
from structlog.typing import FilteringBoundLogger
from websockets.frames import CloseCode

from genesis.clock import EngineClock
from genesis.data.events import ConnectionNotice, ShutdownNotice, SubscriptionReply
from genesis.data.frames import StreamRequest, is_control
from genesis.data.subscriptions import Subscriptions
from genesis.exchange.stream_connection import AnyStreamConnection
from genesis.exchange.websocket_manager import Tenure
from genesis.limits import OVERLAP_ANSWER_MAX, OVERLAP_FRAMES_MAX, SUBSCRIPTION_LOOK_PERIOD
from genesis.units import NANOS_PER_SECOND, Nanos

Messages: TypeAlias = list[bytes]
"""What one read of a socket brought."""

_REFUSED_WRITE: Final = "the connection took no subscription"
_SHUTDOWN: Final = "the venue announced its shutdown"
_ALL_SILENT: Final = "the connection is alive, and no stream speaks"

_encode: Final = msgspec.json.Encoder().encode


class StreamSession:
    """A connection's subscriptions, and its frames for as long as another one is listened to.

    `on_messages` is given every read, from the first on, and decides what it is worth: `keep` puts
    it aside. `connection` is put in place as soon as it is open. `heard_at` tells when a stream
    last brought something good, by whichever connection.
    """

    connection: AnyStreamConnection

    def __init__(
        self,
        stream_names: Sequence[str],
        *,
        spacing: Nanos,
        on_messages: "Callable[[StreamSession, Messages, Nanos], None]",
        heard_at: Callable[[str], Nanos],
        clock: EngineClock,
        log: FilteringBoundLogger,
    ) -> None:
        self.is_relieved = False  # nobody listens to it any more
        self.is_bridged = False  # all that came before it was brought by its predecessor
        self._subscriptions = Subscriptions(stream_names, spacing)
        self._on_messages = on_messages
        self._heard_at = heard_at
        self._clock = clock
        self._log = log
        self._tenure: Tenure | None = None
        self._wish = ""  # why a successor is wanted, as long as there is nobody to be told
        self._heard_since: Nanos | None = None
        self._kept: list[tuple[Messages, Nanos]] = []
        self._kept_count = 0
        self._word_id = 0
        self._word: asyncio.Future[bool] | None = None
        self._progress = asyncio.Event()

    @property
    def last_read_at(self) -> Nanos:
        """When the connection was last read."""
        return self.connection.last_read_at

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The connection's transport, to cut it off by."""
        return self.connection.transport

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()

    @property
    def is_subscribed(self) -> bool:
        """Whether every stream has been asked for."""
        return self._subscriptions.is_written

    @property
    def is_speaking(self) -> bool:
        """Whether the venue sends what it was asked for: all requests taken, and a first frame."""
        return self._kept_count > 0 and self._subscriptions.is_answered

    @property
    def is_full(self) -> bool:
        """Whether so much was kept that it must be listened to now, or never."""
        return self._kept_count >= OVERLAP_FRAMES_MAX

    @property
    def was_found_too_fast(self) -> bool:
        """Whether the venue closed the connection because it was sent too many messages (1008)."""
        received = self.connection.protocol.close_rcvd
        return received is not None and received.code == CloseCode.POLICY_VIOLATION

    @property
    def was_sent_too_much(self) -> bool:
        """Whether the connection was closed for a message beyond our limit (1009)."""
        sent = self.connection.protocol.close_sent
        return sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG

    def receive(self, messages: Messages, received_at: Nanos) -> None:
        """Take the messages of one read of the connection."""
        self._on_messages(self, messages, received_at)

    def keep(self, messages: Messages, received_at: Nanos) -> Messages:
        """Put frames aside until they are judged; return those about the connection itself."""
        control: Messages = []
        market: Messages = []
        for message in messages:
            (control if is_control(message) else market).append(message)
        if market:
            self._kept.append((market, received_at))
            self._kept_count += len(market)
            self._progress.set()
        return control

    def be_heard(self, now: Nanos) -> list[tuple[Messages, Nanos]]:
        """Take note that this session is listened to from now on; return what was kept."""
        kept, self._kept, self._kept_count = self._kept, [], 0
        self._heard_since = now
        self._subscriptions.listen_from(now)
        self._progress.set()
        return kept

    def take_notices(self, notices: Sequence[ConnectionNotice]) -> None:
        """Act on what the venue said of this connection."""
        for notice in notices:
            if isinstance(notice, ShutdownNotice):
                self._want_successor(_SHUTDOWN)
            else:
                self._take_reply(notice)

    def begin(self, tenure: Tenure) -> None:
        """Take note of who is to be told when there should be a successor."""
        self._tenure = tenure
        if self._wish:
            tenure.want_successor(self._wish)

    def end(self) -> None:
        """Take note that the connection is gone."""
        if self._word is not None and not self._word.done():
            self._word.set_result(False)

    async def keep_subscribed(self) -> str:
        """Ask for the streams in a few paced requests, and again for those that do not come.

        Returns:
            Why it could not.
        """
        look_at = self._clock.now() + SUBSCRIPTION_LOOK_PERIOD
        while True:
            now = self._clock.now()
            request = self._subscriptions.take_request(now)
            if request is not None and not self._write(request):
                return _REFUSED_WRITE
            self._progress.set()
            if now >= look_at:
                look_at = now + SUBSCRIPTION_LOOK_PERIOD
                self._look(now)
            next_at = self._subscriptions.next_at
            wake_at = look_at if next_at is None else min(look_at, next_at)
            await asyncio.sleep(max(0, wake_at - self._clock.now()) / NANOS_PER_SECOND)

    async def until(self, is_so: Callable[[], bool], within: Nanos | None = None) -> None:
        """Wait until something that this connection brings about is so, or `within` is over."""
        seconds = None if within is None else within / NANOS_PER_SECOND
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._progress.clear()
                    await self._progress.wait()

    async def say_last_word(self) -> bool:
        """Ask the venue something on this connection; tell whether it answered.

        What it had sent before has come in then.
        """
        request = self._subscriptions.ask_for_a_word(self._clock.now())
        self._word_id = request.id
        self._word = asyncio.get_running_loop().create_future()
        if not self._write(request):
            return False
        await asyncio.wait({self._word}, timeout=OVERLAP_ANSWER_MAX / NANOS_PER_SECOND)
        return self._word.done() and self._word.result()

    def _take_reply(self, reply: SubscriptionReply) -> None:
        if reply.fault:
            self._log.error("subscription_refused", request_id=reply.request_id, reason=reply.fault)
        self._subscriptions.receive(reply)
        if reply.request_id == self._word_id and self._word is not None and not self._word.done():
            self._word.set_result(True)
        self._progress.set()

    def _want_successor(self, why: str) -> None:
        self._wish = why
        if self._tenure is not None:
            self._tenure.want_successor(why)

    def _look(self, now: Nanos) -> None:
        """See which streams do not come, and whether none does."""
        if self._heard_since is None or self.is_relieved:
            return
        asked_again = self._subscriptions.look(self._heard_at, now)
        if asked_again:
            self._log.warning("streams_unheard", count=len(asked_again), first=asked_again[0])
        if self._subscriptions.are_all_silent(self._heard_at, self._heard_since, now):
            self._want_successor(_ALL_SILENT)

    def _write(self, request: StreamRequest) -> bool:
        return self.connection.write_text(_encode(request))
