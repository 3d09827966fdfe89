"""What comes out of the feed: market events to publish, and facts for the shell that runs it."""

from typing import Protocol, TypeAlias, TypeVar

import msgspec

from genesis.data.counts import DropReason
from genesis.domain.market import MarketEvent
from genesis.units import Nanos

P_contra = TypeVar("P_contra", contravariant=True)


class SubscriptionReply(msgspec.Struct, frozen=True):
    """The venue answered request `request_id`; `fault` is empty when it did what was asked."""

    request_id: int
    fault: str


class ShutdownNotice(msgspec.Struct, frozen=True):
    """The venue will close this connection soon: open another one now."""

    received_at: Nanos


ConnectionNotice: TypeAlias = SubscriptionReply | ShutdownNotice
"""What the venue says of a connection rather than of the market."""

FeedEvent: TypeAlias = MarketEvent | ConnectionNotice


class MarketStream(Protocol[P_contra]):
    """One subscribed stream: it judges its frames and remembers what that takes.

    `received_at` is when its last good frame came, 0 before the first.
    """

    name: str
    received_at: Nanos

    def receive(
        self, payload: P_contra, received_at: Nanos, events: list[FeedEvent]
    ) -> DropReason | None:
        """Judge one payload: append what it says to `events`, or return why it is dropped.

        Raises:
            ValueError: A number in it is none, or it is not of the right shape.
        """
        ...

    def interrupt(self) -> None:
        """Note that frames may be missing from here on, and that numbers may start anew."""
        ...

    def expect_overlap(self, until: Nanos) -> None:
        """Note that what came already may come again, up to a time, by another connection."""
        ...
