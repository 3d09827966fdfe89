"""What is taken out of a client, so that the day must find it out."""

import os
from typing import Final, Literal

from genesis.data.frames import StreamRequest
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.rate_limits import RateLimits
from workers.feed_session import StreamSession

VARIABLE: Final = "COMPRESSED_DAY_CONTROL"

Control = Literal["refusals", "resubscription"]
"""`refusals`: it goes on asking though it was told to wait, as if the answer were any other.
`resubscription`: a connection that follows another one does not ask for its streams.
"""

CONTROLS: Final[tuple[Control, ...]] = ("refusals", "resubscription")


def take_out() -> None:
    """Take the part that the environment names out of this process."""
    match os.environ[VARIABLE]:
        case "refusals":
            _ignore_refusals()
        case "resubscription":
            _subscribe_once()


def _ignore_refusals() -> None:
    def go_on(_limits: RateLimits, _retry_at_ms: int, now_ms: int) -> int:
        return now_ms

    for name in ("throttle", "throttle_orders", "ban"):
        setattr(RateLimits, name, go_on)
    setattr(ConnectionBudget, "postpone", lambda _budget, _until: None)  # noqa: B010


def _subscribe_once() -> None:
    first: list[StreamSession] = []
    write = StreamSession._write

    def write_on_the_first(session: StreamSession, request: StreamRequest) -> bool:
        if not first:
            first.append(session)
        return write(session, request) if session is first[0] else True

    setattr(StreamSession, "_write", write_on_the_first)  # noqa: B010
