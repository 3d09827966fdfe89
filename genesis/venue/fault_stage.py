"""Playing what the `FaultDesk` has due on a venue that serves: a thin shell.

Faults come from the configuration's schedule, from tests in the same process and from the admin
call; all come by `give`.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Protocol

import msgspec

from genesis.units import Amount, Nanos
from genesis.venue.api_methods import METHODS
from genesis.venue.api_session import SESSION_METHODS
from genesis.venue.connection import HandshakeRefusal, VenueConnection
from genesis.venue.connection_faults import ConnectionFault, HandshakeOccasion, HandshakeRefused
from genesis.venue.exchange import Exchange
from genesis.venue.fault_desk import Due, Ended, FaultDesk, FaultReport
from genesis.venue.fault_documents import FaultRefused, Vocabulary, check_names
from genesis.venue.fault_terms import Fault
from genesis.venue.listing import PriceRange, SymbolStatus, TradingRules
from genesis.venue.open_sockets import OpenSockets
from genesis.venue.request_desk import RequestDesk
from genesis.venue.stream_payloads import StreamMessage
from genesis.venue.venue_acts import Act, SocketKind


class StagedVenue(Protocol):
    """The server, as faults are played on it."""

    @property
    def exchange(self) -> Exchange:
        """The exchange."""

    def now(self) -> Nanos:
        """Return the venue's time."""

    def schedule(self, delay: Nanos, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Act when a delay is over."""

    def step_clock(self, step: Nanos) -> None:
        """Set the venue's clock forward, or back."""

    def tell(self) -> None:
        """Send the events of the last step."""


class FaultStage:
    """The faults of one venue at work. It is the `VenueControls` of their acts."""

    def __init__(
        self,
        venue: StagedVenue,
        desk: FaultDesk,
        sockets: OpenSockets,
        requests: RequestDesk,
    ) -> None:
        self._venue = venue
        self._desk = desk
        self._sockets = sockets
        self._requests = requests
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """End: nothing more begins by itself."""
        if self._timer is not None:
            self._timer.cancel()

    # Giving faults.

    def give(self, faults: Sequence[Fault]) -> list[int]:
        """Take faults in and play what is due at once; return their numbers.

        Raises:
            FaultRefused: One waits for what does not exist here, or they are too many. None of
                them is taken.
        """
        methods = METHODS.keys() | SESSION_METHODS
        check_names(faults, Vocabulary(methods, self._venue.exchange.listings))
        if len(faults) > self._desk.room:
            raise FaultRefused(
                f"{len(faults)} faults are too many: there is room for {self._desk.room} more, "
                "clear some"
            )
        now = self._venue.now()
        numbers = [self._desk.give(fault, now) for fault in faults]
        self._advance()
        return numbers

    def clear(self, number: int) -> bool:
        """End a fault, and take back what lasts of it; False if none has this number."""
        if not self._desk.knows(number):
            return False
        self._play(self._desk.clear(number))
        return True

    def clear_all(self) -> None:
        """End all faults, and take back what lasts of them."""
        self._play(self._desk.clear_all())

    def report(self) -> FaultReport:
        """Return what has become of the faults."""
        return self._desk.report()

    # Playing them.

    def meet(self, connection: VenueConnection, kind: SocketKind) -> HandshakeRefusal | None:
        """Let a fault strike a new connection; return why its handshake is refused, if it is."""
        now = self._venue.now()
        occasion = HandshakeOccasion(kind, connection.address)
        fault = self._desk.handshake_fault(occasion, now)
        if isinstance(fault, HandshakeRefused):
            retry_after_s = -(-int(fault.retry_after_ms) // 1_000)
            return HandshakeRefusal(HTTPStatus(fault.status), retry_after_s)
        if isinstance(fault, ConnectionFault):
            if fault.precedes_handshake:
                fault.play(connection)
                # Nobody will read it: the connection is cut or mute.
                return HandshakeRefusal(HTTPStatus.SERVICE_UNAVAILABLE)
            asyncio.get_running_loop().call_soon(fault.play, connection)
        return None

    def strike_frames(
        self, messages: Iterable[StreamMessage], publish: Callable[[list[StreamMessage]], None]
    ) -> list[StreamMessage]:
        """Return what is sent now in place of market messages; `publish` later what is late."""
        venue = self._venue
        sent: list[StreamMessage] = []
        for message in messages:
            payloads, delay = self._desk.frame_fate(message.stream, message.payload, venue.now())
            replaced = [message._replace(payload=payload) for payload in payloads]
            if delay:
                venue.schedule(delay, partial(publish, replaced))
            else:
                sent += replaced
        return sent

    def _advance(self) -> None:
        """Play what is due, and come back for the next."""
        now = self._venue.now()
        self._play(self._desk.advance(now))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_at = self._desk.next_at
        if next_at is not None:
            # A clock step may have moved both.
            delay = max(0, next_at - self._venue.now())
            self._timer = self._venue.schedule(delay, self._advance)

    def _play(self, dues: Iterable[Due]) -> None:
        for due in dues:
            if isinstance(due, Ended):
                due.fault.end(self)
            elif isinstance(due.fault, Act):
                due.fault.strike(self)
            else:
                self._sockets.strike(due.fault)
        self._venue.tell()

    # What acts do.

    def step_clock(self, step: Nanos) -> None:
        """Set the venue's clock forward, or back with a negative step."""
        self._venue.step_clock(step)
        self._desk.shift(step)

    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        """Let a symbol trade, or not."""
        self._relist(symbol, status=status)

    def set_rules(self, symbol: str, rules: TradingRules) -> None:
        """Give a symbol other steps and another minimum."""
        self._relist(symbol, **rules._asdict())

    def set_price_range(self, symbol: str, price_range: PriceRange | None) -> None:
        """Limit how far from the reference price takers trade."""
        self._relist(symbol, price_range=price_range)

    def delist(self, symbol: str) -> None:
        """Take a symbol off the list; its open orders expire."""
        self._venue.exchange.operations.delist(symbol, self._venue.now())

    def hold_snapshot(self, symbol: str, times: int) -> None:
        """Answer the next requests for a book with the book of this moment."""
        if symbol in self._venue.exchange.listings:
            self._venue.exchange.operations.hold_snapshot(symbol, times)

    def transfer(self, asset: str, amount: Amount) -> None:
        """Move an amount into every account, or out of it as far as it is free."""
        self._venue.exchange.operations.transfer(asset, amount, self._venue.now())

    def revoke_key(self, api_key: str) -> None:
        """Make a key unknown; "" is every key."""
        self._requests.revoke_key(api_key)

    def restore_key(self, api_key: str) -> None:
        """Make a revoked key known again."""
        self._requests.restore_key(api_key)

    def ban(self, address: str, span: Nanos) -> None:
        """Refuse an address everything for a while; "" is every address."""
        self._desk.bans.begin(address, self._venue.now() + span)

    def lift_ban(self, address: str) -> None:
        """End a ban."""
        self._desk.bans.end(address)

    def shut_down(self, kind: SocketKind, lead: Nanos) -> None:
        """Announce an end to the open connections of a kind, and close them after `lead`."""
        self._sockets.shut_down(kind, lead)

    def terminate_user_streams(self) -> None:
        """End every user data subscription."""
        self._sockets.terminate_user_streams()

    def _relist(self, symbol: str, **changes: object) -> None:
        listing = self._venue.exchange.listings.get(symbol)
        if listing is not None:  # it may have been delisted since the fault was given
            self._venue.exchange.operations.relist(msgspec.structs.replace(listing, **changes))
