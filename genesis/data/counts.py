"""What the feed counts: every frame it drops, by reason, and every hole it found."""

import enum

import msgspec


class DropReason(enum.IntEnum):
    """Why a frame was not passed on. The lower-case name is the one in status and log."""

    NOT_JSON = 0
    UNKNOWN_STREAM = 1
    MALFORMED = 2  # JSON, but a field is missing, of another type, or makes no sense
    BAD_NUMBER = 3  # no plain decimal, more than eight decimals, or too wide for a record
    NEGATIVE = 4  # a price or quantity that must be positive and is not
    CROSSED = 5
    DUPLICATE = 6
    OUT_OF_ORDER = 7
    STALE = 8
    AHEAD = 9  # made, it says, after it came in
    PRICE_BAND = 10
    OVERSIZE = 11
    OVERLAPPED = 12  # the predecessor of its connection had brought it already: no fault

    @property
    def label(self) -> str:
        """Return the name for people."""
        return self.name.lower()


class FeedCounts(msgspec.Struct):
    """Counters since the start of the process; they only grow."""

    frames: int = 0
    events: int = 0
    drops: list[int] = msgspec.field(default_factory=lambda: [0] * len(DropReason))
    trades_missed: int = 0
    bars_missed: int = 0
    book_gaps: int = 0
    book_mismatches: int = 0
    books_synced: int = 0
    snapshots_unfit: int = 0
    sequences_restarted: int = 0
    interruptions: int = 0

    @property
    def dropped(self) -> int:
        """How many frames were dropped for a fault of theirs."""
        return sum(self.drops) - self.drops[DropReason.OVERLAPPED]

    def by_reason(self) -> dict[str, int]:
        """Return the reasons that occurred, by label."""
        return {reason.label: self.drops[reason] for reason in DropReason if self.drops[reason]}
