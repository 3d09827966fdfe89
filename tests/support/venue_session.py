"""A session of the venue's WebSocket API without a socket, and everything it was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue.api_session import ApiRequest, ApiSession
from genesis.venue.request_desk import RequestDesk
from genesis.venue.request_limits import WeightLimit
from genesis.venue.signatures import KeyVerifier, RegisteredKey
from genesis.venue.time_units import TimeUnit
from genesis.venue.user_streams import UserStreams
from tests.support.venue import NOW, REGISTERED, Floor, signed

NOW_MS: Final = NOW // NANOS_PER_MS
HMAC_SECRET: Final = "s" * 64
LIMIT_BUY: Final = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "59000.00",
}


@dataclass
class SessionClient:
    """A session, and everything it was told."""

    floor: Floor = field(default_factory=Floor)
    desk: RequestDesk = field(init=False)
    session: ApiSession = field(init=False)
    told: list[dict[str, object]] = field(default_factory=list)
    now: int = NOW
    time_unit: TimeUnit = TimeUnit.MILLISECOND

    def __post_init__(self) -> None:
        shared = RegisteredKey(
            api_key="hmac-key", account_id=2, algorithm="hmac", secret=HMAC_SECRET
        )
        self.desk = RequestDesk(
            self.floor.exchange,
            {key.api_key: KeyVerifier(key) for key in (REGISTERED, shared)},
            WeightLimit(self.floor.rules.limits),
            UserStreams(),
        )
        self.session = self.connect()

    def connect(self) -> ApiSession:
        """Return another connection of the same client."""
        return ApiSession(
            self.desk,
            0,
            lambda message: self.told.append(msgspec.json.decode(message)),
            self.now,
            time_unit=self.time_unit,
        )

    def send(self, message: str | bytes) -> dict[str, object]:
        """Send one message, and return the reply to it."""
        count = len(self.told)
        admitted = self.session.admit(message, self.now)
        self.carry_out(admitted, self.now)
        self.desk.user_streams.publish(self.floor.exchange.take_events())
        return self.told[count]

    def carry_out(self, admitted: ApiRequest, now: Nanos) -> None:
        """Let an admitted request reach matching at `now`."""
        self.session.forward(admitted, now)
        self.told += map(msgspec.json.decode, self.session.execute(admitted, now))

    def call(self, method: str, parameters: Mapping[str, object] = {}) -> dict[str, object]:
        """Send a request, and return the reply to it."""
        return self.send(
            msgspec.json.encode({"id": "1", "method": method, "params": dict(parameters)})
        )

    def ask(self, method: str, **parameters: object) -> dict[str, object]:
        """Send a request of a session that is logged on."""
        return self.call(method, {"timestamp": self.now // NANOS_PER_MS, **parameters})

    def log_on(self) -> None:
        """Authenticate the session."""
        reply = self.call("session.logon", signed({"timestamp": NOW_MS}))
        assert reply["status"] == 200, reply


def client_at_a_market(
    now: Nanos = NOW, time_unit: TimeUnit = TimeUnit.MILLISECOND
) -> SessionClient:
    """Return a client whose account has 100 000 USDT, at a public of one bitcoin a side."""
    client = SessionClient(now=now, time_unit=time_unit)
    client.floor.market.offer("BTCUSDT", Side.BUY, "60000", "1")
    client.floor.market.offer("BTCUSDT", Side.SELL, "60010", "1")
    return client


def refusal(reply: dict[str, object]) -> tuple[object, object, object]:
    """Return status, code and wording of a refused request."""
    error = reply["error"]
    assert isinstance(error, dict)
    return reply["status"], error["code"], error["msg"]
