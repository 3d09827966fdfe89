"""What can befall a connection: one that is open, or one that is about to be. Pure."""

from http import HTTPStatus
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Protocol

import msgspec

from genesis.venue.fault_terms import Milliseconds, OccasionalFault, Text, fits
from genesis.venue.venue_acts import SocketKind

_REFUSALS: Final = frozenset(
    {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.IM_A_TEAPOT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
_POLICY_VIOLATION: Final = 1008
_TOO_MANY_REQUESTS: Final = "Too many requests"


class HandshakeOccasion(NamedTuple):
    """A WebSocket handshake as faults see it."""

    kind: SocketKind
    address: str

    def __str__(self) -> str:
        return f"{self.kind} {self.address}"


class ConnectionControls(Protocol):
    """A connection, as faults treat it."""

    def abort(self) -> None:
        """Cut it off, without a word."""

    def fail(self, code: int, reason: str) -> None:
        """Close it, with the reason the client is told."""

    def fall_silent(self) -> None:
        """Send nothing more, no pings either; what comes in is taken."""

    def go_dark(self) -> None:
        """Send nothing more and take nothing in; the connection stays open."""


class HandshakeFault(OccasionalFault, frozen=True, kw_only=True):
    """A fault of new connections: of any, or of those of this kind, from this address."""

    kind: SocketKind = ""
    address: Text = ""

    def befalls(self, handshake: HandshakeOccasion) -> bool:
        """Tell whether a new connection is one that it waits for."""
        return fits(self.kind, handshake.kind) and fits(self.address, handshake.address)


class HandshakeRefused(HandshakeFault, frozen=True, kw_only=True):
    """A new connection is refused with a status, and told when to come again."""

    status: int = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_ms: Milliseconds = 0.0

    def __post_init__(self) -> None:
        if self.status not in _REFUSALS:
            known = ", ".join(str(int(status)) for status in sorted(_REFUSALS))
            raise ValueError(
                f"no handshake is refused with status {self.status}; there are {known}"
            )


class ConnectionFault(HandshakeFault, frozen=True, kw_only=True):
    """A fault of connections: those that are open when it begins, or of new ones.

    Of the open ones it strikes all that fit, or only the oldest or newest of them; a `stream` that
    is named must be subscribed there. On new ones it strikes as other faults strike occasions.
    """

    precedes_handshake: ClassVar[bool] = False
    """Whether it strikes a new connection before the handshake is answered."""

    on: Literal["open", "new"] = "open"
    stream: Text = ""
    which: Literal["all", "oldest", "newest"] = "all"

    def __post_init__(self) -> None:
        if self.on == "new" and (self.stream or self.which != "all"):
            raise ValueError("stream and which choose among open connections: drop them")
        if self.on == "open" and (self.times, self.after, self.share, self.for_ms) != (1, 0, 1, 0):
            raise ValueError("times, after, share and for_ms are of new connections: say on: new")

    def play(self, connection: ConnectionControls) -> None:
        """Strike a connection."""
        raise NotImplementedError


class ConnectionCut(ConnectionFault, frozen=True, kw_only=True):
    """The connection is cut off without a word."""

    precedes_handshake: ClassVar[bool] = True

    def play(self, connection: ConnectionControls) -> None:
        """Strike a connection."""
        connection.abort()


class ConnectionClosed(ConnectionFault, frozen=True, kw_only=True):
    """The venue closes the connection: as the one that was used too much, if nothing is said."""

    code: Annotated[int, msgspec.Meta(ge=1000, le=4999)] = _POLICY_VIOLATION
    reason: Text = _TOO_MANY_REQUESTS

    def play(self, connection: ConnectionControls) -> None:
        """Strike a connection."""
        connection.fail(self.code, self.reason)


class ConnectionSilenced(ConnectionFault, frozen=True, kw_only=True):
    """The connection stays open, and nothing comes on it any more: no data, no pings, no replies.

    What the client sends is taken, and its requests are executed.
    """

    def play(self, connection: ConnectionControls) -> None:
        """Strike a connection."""
        connection.fall_silent()


class ConnectionDarkened(ConnectionFault, frozen=True, kw_only=True):
    """The connection is a black hole: it stays open, and nothing passes in either direction.

    A new one never gets an answer to its handshake.
    """

    precedes_handshake: ClassVar[bool] = True

    def play(self, connection: ConnectionControls) -> None:
        """Strike a connection."""
        connection.go_dark()
