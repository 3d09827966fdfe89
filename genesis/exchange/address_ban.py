"""Until when the venue wants nothing of this address: what one process was told, all of them keep.

A ban (418) is of the address, and grows with every request and connection that ignores it
(`binance-spot.md` section 8.4). So each process has a word of memory for what it was told, which
outlives it, and reads those of the others; with the one writer to a word there is no lock. Pure:
times are of the engine's clock, which all processes share.
"""

from collections.abc import Sequence
from typing import Protocol

from genesis.units import Nanos


class Word(Protocol):
    """A number in a place: a list of one, or a view of shared memory."""

    def __getitem__(self, place: int, /) -> int: ...

    def __setitem__(self, place: int, number: int, /) -> None: ...


class AddressBan:
    """The word of this process, and those of its `peers`. All are zero at the start of a run."""

    __slots__ = ("_own", "_peers")

    def __init__(self, own: Word, peers: Sequence[Word] = ()) -> None:
        self._own = own
        self._peers = tuple(peers)

    @property
    def until(self) -> Nanos:
        """When the address may ask and connect again; in the past if that is now."""
        latest = self._own[0]
        for peer in self._peers:
            latest = max(latest, peer[0])
        return latest

    def extend(self, until: Nanos) -> None:
        """Take the venue's word for it; a shorter one than is known changes nothing."""
        self._own[0] = max(self._own[0], until)
