"""Asking the venue what trading depends on: clock, limits, symbols, account, key (I/O).

Nothing that is asked here changes anything, and everything goes over REST: of the sockets it is
enough to know that they open and answer.
"""

import asyncio
import ssl

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.doctor.network_probe import probe_endpoint, socket_round_trip
from genesis.doctor.venue_facts import (
    AccountFacts,
    ClockFacts,
    EndpointFacts,
    ListingFacts,
    Unknown,
    VenueFacts,
)
from genesis.domain.instruments import Instrument
from genesis.engine.locks import AccountLock, holder_of
from genesis.engine.state_directory import StateDirectory
from genesis.errors import VenueUnreachable
from genesis.exchange.binance.clock_samples import sample_clock
from genesis.exchange.binance.key_restrictions import (
    KeyRestrictions,
    decode_restrictions,
    restrictions_request,
    wallet_url,
)
from genesis.exchange.binance.outcomes import read_outcome
from genesis.exchange.binance.rest_client import RestClient
from genesis.exchange.binance.rest_path import RestPath
from genesis.exchange.binance.signing import HmacSigner, Signer
from genesis.exchange.binance.venue_clock import TimeSample, VenueClock
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer, NotListed
from genesis.exchange.rate_limits import EXECUTOR_SHARES, RateLimits
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.tls import tls_for
from genesis.limits import PROBE_TIMEOUT
from genesis.units import NANOS_PER_MS, Nanos


class VenueProbe:
    """One look at a venue. `signer` is None where there is no key: then nothing of an account."""

    def __init__(
        self,
        settings: Settings,
        endpoints: Endpoints,
        signer: Signer | None,
        *,
        clock: EngineClock,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._signer = signer
        self._clock = clock
        self._log = log
        self._venue_clock = VenueClock()
        self._samples: list[TimeSample] = []
        self._gate = RequestGate(
            RateLimits(EXECUTOR_SHARES, reserve_bps=0),
            venue_ms=self._venue_ms,
            budget=ConnectionBudget([0, 0], 1),
            clock=clock,
            log=log,
        )

    async def look(self) -> VenueFacts:
        """Ask everything, and return what was answered."""
        path = RestPath(
            self._endpoints.rest_url,
            self._signer or HmacSigner("", ""),  # which signs nothing then
            tls=self._tls(self._endpoints.rest_url),
            gate=self._gate,
            clock=self._clock,
            log=self._log,
            recv_window_ms=self._settings.orders.recv_window_ms,
            reply_timeout_ms=PROBE_TIMEOUT // NANOS_PER_MS,
            time_unit=self._endpoints.time_unit,
        )
        try:
            endpoints = await self._reach_all(path)
            if not self._samples:
                return self._unreachable(endpoints)
            return VenueFacts(
                endpoints=endpoints,
                clock=self._clock_facts(),
                listing=await self._list(path),
                account=await self._look_at_account(path),
                key=await self._look_at_key(),
                rates=self._gate.usage(),
                now_ms=self._venue_ms(),
            )
        finally:
            await path.close()

    def _venue_ms(self) -> int:
        return self._venue_clock.timestamp_ms(self._clock.now())

    def _tls(self, url: str) -> ssl.SSLContext | None:
        return tls_for(url, self._endpoints.ca_file)

    async def _reach_all(self, path: RestPath) -> tuple[EndpointFacts, ...]:
        async def ask_time() -> Nanos:
            samples = await sample_clock(path.venue_time, self._clock.now)
            if isinstance(samples, NoAnswer):
                raise VenueUnreachable(samples.reason)
            self._samples = samples
            self._venue_clock.adjust(samples)
            return _quickest(samples)

        async def reach(name: str, url: str) -> EndpointFacts:
            tls = self._tls(url)
            return await probe_endpoint(
                name, url, tls, self._clock, lambda: socket_round_trip(url, tls, self._clock)
            )

        rest_url = self._endpoints.rest_url
        return tuple(
            await asyncio.gather(
                probe_endpoint("REST", rest_url, self._tls(rest_url), self._clock, ask_time),
                reach("WebSocket API", self._endpoints.ws_api_url),
                reach("streams", self._endpoints.streams_url),
            )
        )

    def _unreachable(self, endpoints: tuple[EndpointFacts, ...]) -> VenueFacts:
        silence = Unknown("REST does not answer")
        return VenueFacts(
            endpoints=endpoints,
            clock=silence,
            listing=silence,
            account=silence,
            key=silence if self._has_wallet else None,
            rates=(),
            now_ms=0,
        )

    @property
    def _has_wallet(self) -> bool:
        return self._settings.mode == "live"

    def _clock_facts(self) -> ClockFacts:
        return ClockFacts(offset=self._venue_clock.offset, round_trip=_quickest(self._samples))

    async def _list(self, path: RestPath) -> ListingFacts | Unknown:
        """Ask for all symbols at once, or one by one where one of them is not listed."""
        symbols = self._settings.named_symbols
        listing = await path.instruments(symbols)
        if isinstance(listing, NoAnswer):
            return _unknown(listing)
        if not isinstance(listing, NotListed):
            return ListingFacts(instruments=listing)
        found: list[Instrument] = []
        unlisted: list[str] = []
        for symbol in symbols:
            one = await path.instruments((symbol,))
            if isinstance(one, NoAnswer):
                return _unknown(one)
            if isinstance(one, NotListed):
                unlisted.append(symbol)
            else:
                found += one
        return ListingFacts(instruments=tuple(found), unlisted=tuple(unlisted))

    async def _look_at_account(self, path: RestPath) -> AccountFacts | Unknown:
        if self._signer is None:
            return Unknown("there is no key to ask with")
        account = await path.account()
        if isinstance(account, NoAnswer):
            return _unknown(account)
        settings = self._settings
        lock_path = AccountLock.path_of(
            settings.account_locks_dir, settings.mode, account.account_id
        )
        return AccountFacts(
            account=account,
            lock_holder=holder_of(lock_path),
            has_books=StateDirectory(settings.state_dir).has_journal(),
        )

    async def _look_at_key(self) -> KeyRestrictions | Unknown | None:
        if not self._has_wallet:
            return None
        if self._signer is None:
            return Unknown("there is no key to ask about")
        url = wallet_url(self._endpoints.rest_url)
        request = restrictions_request(
            self._signer,
            recv_window_ms=self._settings.orders.recv_window_ms,
            timestamp_ms=self._venue_ms(),
        )
        client = RestClient(
            url,
            tls=self._tls(url),
            gate=self._gate,
            clock=self._clock,
            log=self._log,
            venue_ms=self._venue_ms,
        )
        async with client:
            fate = await client.send(request, PROBE_TIMEOUT)
        answer = read_outcome(fate, lambda reply: decode_restrictions(reply.envelope.result))
        return _unknown(answer) if isinstance(answer, NoAnswer) else answer


def _unknown(answer: NoAnswer) -> Unknown:
    return Unknown(answer.reason, answer.code)


def _quickest(samples: list[TimeSample]) -> Nanos:
    return min(sample.received_at - sample.sent_at for sample in samples)
