"""From a fresh connection to a session that takes requests and brings user events.

The steps are always the same: measure the venue's clock, log on if the key can, subscribe to user
events (`binance-spot.md` sections 5, 6.2 and 6.3).
"""

import asyncio
from functools import partial

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.errors import VenueRejected, VenueUnreachable
from genesis.exchange.binance.clock_samples import sample_clock
from genesis.exchange.binance.errors import SUBSCRIPTION_ACTIVE, SUBSCRIPTIONS_USED_UP
from genesis.exchange.binance.outcomes import Fate, read_outcome
from genesis.exchange.binance.requests import Request, RequestBuilder
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.venue_path import read_time
from genesis.exchange.binance.ws_session import WsSession
from genesis.exchange.gateway import NoAnswer
from genesis.units import Nanos


class SessionOpener:
    """Opens sessions, and keeps the estimate of the venue's clock that their requests bear."""

    def __init__(
        self,
        requests: RequestBuilder,
        *,
        venue_clock: VenueClock,
        clock: EngineClock,
        log: FilteringBoundLogger,
        reply_timeout: Nanos,
    ) -> None:
        self._requests = requests
        self._clock = clock
        self._log = log
        self._reply_timeout = reply_timeout
        self._venue_clock = venue_clock

    @property
    def clock_offset(self) -> Nanos:
        """The venue's clock less ours, as last measured."""
        return self._venue_clock.offset

    def timestamp_ms(self) -> int:
        """Return the venue's time as estimated now."""
        return self._venue_clock.timestamp_ms(self._clock.now())

    async def open(self, session: WsSession) -> None:
        """Bring a new session to where requests are taken and events flow.

        A subscription that is active already is as good as one that was made (-2035); a connection
        that may have no more of them (-2042) is given up for a new one.

        Raises:
            VenueUnreachable: A step was not answered.
            VenueRejected: The venue refuses the key.
        """
        if not await self.measure_clock(session):
            raise VenueUnreachable("the venue does not tell the time")
        requests = self._requests
        if requests.logs_on:
            await self._step(session, requests.signed("session.logon", {}, self.timestamp_ms()))
            subscription = requests.public("userDataStream.subscribe", {})
        else:
            method = "userDataStream.subscribe.signature"
            subscription = requests.signed(method, {}, self.timestamp_ms())
        await self._step(session, subscription, subscribes=True)

    async def is_answering(self, session: WsSession) -> bool:
        """Tell whether a session still answers; what it says before its answer has come in then."""
        return not isinstance(await self._ask_time(session), NoAnswer)

    async def measure_clock(self, session: WsSession) -> bool:
        """Measure the venue's clock by several round trips; False if none came back."""
        samples = await sample_clock(partial(self._ask_time, session), self._clock.now)
        if isinstance(samples, NoAnswer):
            self._log.warning("clock_not_measured", why=samples.reason)
            return False
        before = self._venue_clock.offset
        self._venue_clock.adjust(samples)
        self._log.info(
            "clock_measured",
            offset_us=self._venue_clock.offset // 1000,
            moved_us=(self._venue_clock.offset - before) // 1000,
        )
        return True

    async def _step(
        self, session: WsSession, request: Request, *, subscribes: bool = False
    ) -> None:
        def read(fate: Fate) -> NoAnswer | None:
            answer = read_outcome(fate, lambda _: None)
            if subscribes and (answer is None or answer.code == SUBSCRIPTION_ACTIVE):
                # At once: the next message may say that the subscription is over.
                session.brings_events = True
                return None
            return answer

        answer = await session.request(request, read, self._reply_timeout)
        if answer is None:
            return
        method, reason = request.method, answer.reason
        self._log.error("session_step_failed", method=method, code=answer.code, why=reason)
        if answer.retryable or answer.code == SUBSCRIPTIONS_USED_UP:
            raise VenueUnreachable(f"{method}: {reason}")
        raise VenueRejected(answer.code, f"{method}: {reason}")

    def _ask_time(self, session: WsSession) -> "asyncio.Future[Nanos | NoAnswer]":
        return session.request(self._requests.public("time", {}), read_time, self._reply_timeout)
