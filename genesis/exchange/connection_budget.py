"""How many connections this process may still try to open. Pure: `now` is passed in.

The venue takes 300 attempts in 5 minutes from one address, failed ones too, and bans who goes on
(`binance-spot.md` section 2). Each process has a share of its own of half of that, fixed in
`limits.py`: no lock, no second writer, and a process that storms starves no other. The other half
is for whoever else connects from this address: another program, or this engine started anew.
"""

from typing import Final, Protocol

from genesis.exchange.address_ban import AddressBan
from genesis.limits import CONNECT_REFUSED_WAIT, CONNECT_REFUSED_WAIT_MAX, CONNECTION_WINDOW
from genesis.units import NANOS_PER_SECOND, Nanos

_TOO_MANY_REQUESTS: Final = 429
_BANNED: Final = 418
_DIGITS_MAX: Final = 9


class Words(Protocol):
    """Numbers in places: a list, or a view of shared memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> int: ...

    def __setitem__(self, place: int, number: int, /) -> None: ...


class ConnectionBudget:
    """A window of `CONNECTION_WINDOW` that slides over the attempts of one process.

    `words` is where the attempts are kept: how many there were, then the times of the latest, as
    many as the share has. In the process's page of the status board they outlive the process, so
    that a successor goes on where it was and a restart is worth no attempt. All of them are zero at
    the start of a run. `ban` is for what the venue said; by default nobody else hears of it.
    """

    __slots__ = ("_ban", "_share", "_words")

    def __init__(self, words: Words, share: int, ban: AddressBan | None = None) -> None:
        assert 0 < share < len(words), "every attempt of the share has its word"
        self._words = words
        self._share = share
        self._ban = ban or AddressBan([0])

    @property
    def next_at(self) -> Nanos:
        """When the next connection may be tried; in the past if that is now."""
        return self._free_at(self._share)

    @property
    def next_spare_at(self) -> Nanos:
        """When one may be tried that can wait: half of the share is kept for those that cannot."""
        return self._free_at(self._share // 2)

    @property
    def forbidden_until(self) -> Nanos:
        """Until when the venue wants nothing of this address; in the past if it does not mind."""
        return self._ban.until

    def take(self, now: Nanos) -> None:
        """Count an attempt, which is about to be made."""
        assert now >= self.next_at, "the share is kept"
        word = self._word_of(self._words[0])
        # The count goes first. Who is killed in between has tried nothing, and leaves a word too
        # old to hold anybody back; the other way round the present would be taken for the oldest.
        self._words[0] += 1
        self._words[word] = now

    def postpone(self, until: Nanos) -> None:
        """Try nothing before `until`: the venue said so to one socket, and meant the address."""
        self._ban.extend(until)

    def _free_at(self, attempts: int) -> Nanos:
        """Return when the window holds fewer than so many attempts."""
        at = self._words[self._word_of(self._words[0] - attempts)]
        return max(at + CONNECTION_WINDOW if at else 0, self._ban.until)

    def _word_of(self, attempt: int) -> int:
        """Return where an attempt is kept, by its number from 0 on."""
        return 1 + attempt % self._share


def refused_until(status: int, retry_after: str | None, now: Nanos) -> Nanos:
    """Return how long a refused handshake forbids every further one; 0 if it does not.

    `retry_after` is the header of that name, in seconds; where it says nothing that can be read,
    the waiting is ours to choose. No ban is longer than three days (`binance-spot.md` 8.4).
    """
    if status not in (_TOO_MANY_REQUESTS, _BANNED):
        return 0
    text = retry_after or ""
    if not text.isdecimal() or len(text) > _DIGITS_MAX:
        return now + CONNECT_REFUSED_WAIT
    return now + min(int(text) * NANOS_PER_SECOND, CONNECT_REFUSED_WAIT_MAX)
