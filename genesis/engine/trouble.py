"""When what a child cannot do is worth telling its parent. Pure."""

from genesis.limits import TROUBLE_TOLD_AFTER
from genesis.units import Nanos


class TroubleWatch:
    """Follows one child's trouble, and says what to tell of it.

    A connection that breaks and comes back within `TROUBLE_TOLD_AFTER` is everyday life, and is in
    the log alone.
    """

    __slots__ = ("_since", "_told")

    def __init__(self) -> None:
        self._since: Nanos | None = None
        self._told = ""

    def heed(self, reason: str, now: Nanos) -> str | None:
        """Take what is wrong now, "" for nothing; return what to tell, None for nothing new."""
        if not reason:
            self._since = None
        elif self._since is None:
            self._since = now
        if reason and (self._since is None or now - self._since < TROUBLE_TOLD_AFTER):
            return None
        if reason == self._told:
            return None
        self._told = reason
        return reason
