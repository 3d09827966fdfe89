"""Who listens to which account's events."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from genesis.venue.settlement import UserEvent
from genesis.venue.time_units import TimeUnit, encode_json

Deliver: TypeAlias = Callable[[bytes], None]


class _Listener(NamedTuple):
    deliver: Deliver
    time_unit: TimeUnit


class UserStreams:
    """The user data subscriptions of all connections, by account, in the order they began."""

    __slots__ = ("_by_account",)

    def __init__(self) -> None:
        self._by_account: dict[int, dict[tuple[int, int], _Listener]] = {}

    def add(
        self, account_id: int, key: tuple[int, int], deliver: Deliver, time_unit: TimeUnit
    ) -> None:
        """Begin a subscription; `key` is its connection's and its own number."""
        self._by_account.setdefault(account_id, {})[key] = _Listener(deliver, time_unit)

    def remove(self, account_id: int, key: tuple[int, int]) -> None:
        """End a subscription."""
        del self._by_account[account_id][key]

    def publish(self, events: Iterable[UserEvent]) -> None:
        """Hand each event to those who listen, in an envelope with their subscription's number."""
        for account_id, document in events:
            for (_, subscription_id), listener in self._by_account.get(account_id, {}).items():
                payload = encode_json(document, listener.time_unit)
                listener.deliver(event_envelope(subscription_id, payload))


def event_envelope(subscription_id: int, payload: bytes) -> bytes:
    """Wrap an event as it stands between the replies of a connection."""
    return b'{"subscriptionId":%d,"event":%b}' % (subscription_id, payload)
