"""What every request passes, whichever transport it came by: rate, key, age, execution.

A transport reads a request into an `Admitted`: it calls `spend` and, for what is signed,
`authenticate`. Then `forward` tests the age of trading requests again, just before matching, and
`run` carries out. Between any two of these steps time may pass.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.api_call import Call, Method, Result, Security
from genesis.venue.api_methods import METHODS, ORDER_METHODS
from genesis.venue.exchange import Exchange
from genesis.venue.parameters import Parameters, check_timing
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import RateLimitCount, WeightLimit
from genesis.venue.signatures import (
    NO_PERMISSIONS,
    SIGNATURE_PARAMETER,
    KeyPermissions,
    KeyVerifier,
    RegisteredKey,
)
from genesis.venue.time_units import TimeUnit
from genesis.venue.user_streams import UserStreams

_API_KEY_FORMAT: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NANOS_PER_US: Final = 1_000


@dataclass(slots=True)
class Admitted:
    """A request that has come in. `refusal` is set when that is already the answer.

    `time_unit` is that of its reply.
    """

    method: str = ""
    parameters: Parameters = field(default_factory=lambda: Parameters({}))
    account_id: int = 0
    permissions: KeyPermissions = NO_PERMISSIONS
    timestamp_us: int = 0
    window_us: int = 0
    weight: int = 0
    time_unit: TimeUnit = TimeUnit.MILLISECOND
    refusal: Refused | None = None


class Credentials(NamedTuple):
    """Who signed a request, and how. `payloads` are the texts the signature may be of."""

    api_key: str
    signature: str | None
    payloads: tuple[bytes, ...]


@dataclass(slots=True)
class RequestDesk:
    """What all connections share. `verifiers` are the registered keys by name, those that live."""

    exchange: Exchange
    verifiers: dict[str, KeyVerifier]
    weight: WeightLimit
    user_streams: UserStreams
    revoked: dict[str, KeyVerifier] = field(default_factory=dict)

    def knows(self, verifier: KeyVerifier) -> bool:
        """Tell whether a key is registered still."""
        return verifier.key.api_key in self.verifiers

    def revoke_key(self, api_key: str) -> None:
        """Make a key unknown until it is restored, or every key for ""."""
        for name in [api_key] if api_key else list(self.verifiers):
            verifier = self.verifiers.pop(name, None)
            if verifier is not None:
                self.revoked[name] = verifier

    def restore_key(self, api_key: str) -> None:
        """Make a revoked key known again, or every key for ""."""
        for name in [api_key] if api_key else list(self.revoked):
            verifier = self.revoked.pop(name, None)
            if verifier is not None:
                self.verifiers[name] = verifier

    def spend(self, admitted: Admitted, weight: int, now: Nanos) -> None:
        """Count a request's weight.

        Raises:
            Refused: -1003, when the window's weight is used up.
        """
        admitted.weight = weight
        self.weight.spend(weight, now // NANOS_PER_MS)

    def authenticate(self, admitted: Admitted, credentials: Credentials, now: Nanos) -> KeyVerifier:
        """Find the key that signed a request. `authorize` must follow, or the key's own use.

        The order of tests is key format, key known, mandatory parameters, timing, signature
        (`binance-spot.md` section 16, item 4).

        Raises:
            Refused: What failed first.
        """
        if _API_KEY_FORMAT.fullmatch(credentials.api_key) is None:
            raise refusals.bad_key_format()
        verifier = self.verifiers.get(credentials.api_key)
        if verifier is None:
            raise refusals.unknown_key()
        signature = credentials.signature
        if not signature:
            raise refusals.missing_parameter(SIGNATURE_PARAMETER)
        read_timing(admitted, now)
        if not any(verifier.verifies(signature, payload) for payload in credentials.payloads):
            raise refusals.bad_signature()
        return verifier

    def authorize(self, method: Method, admitted: Admitted, key: RegisteredKey) -> None:
        """Let a key have a method carried out on its account.

        Raises:
            Refused: -2015, the key may not do that.
        """
        may = key.permissions
        if not (may.trading if method.security is Security.TRADE else may.reading):
            raise refusals.unknown_key()
        admitted.account_id, admitted.permissions = key.account_id, may

    def forward(self, admitted: Admitted, now: Nanos) -> None:
        """Hand an admitted request to matching, unless a trading request has grown too old."""
        method = METHODS.get(admitted.method)
        if admitted.refusal is None and method is not None and method.reaches_engine:
            try:
                check_timing(admitted.timestamp_us, admitted.window_us, now // _NANOS_PER_US)
            except Refused as refusal:
                admitted.refusal = refusal
                if admitted.method in ORDER_METHODS:
                    self.exchange.count_late_request(admitted.account_id, now)

    def run(self, method: Method, admitted: Admitted, now: Nanos) -> Result:
        """Carry out a request; success gives one that reached the engine its weight back.

        Raises:
            Refused: The exchange's no.
        """
        call = Call(
            self.exchange, admitted.account_id, admitted.permissions, admitted.parameters, now
        )
        result = method.run(call)
        if method.reaches_engine:
            self.weight.count(-admitted.weight, now // NANOS_PER_MS)
        return result

    def order_counts(self, admitted: Admitted, now: Nanos) -> list[RateLimitCount]:
        """Return the order counts that the reply to a new order shows; others show none."""
        if admitted.method in ORDER_METHODS and admitted.account_id:
            return self.exchange.order_counts(admitted.account_id, now)
        return []


def read_timing(admitted: Admitted, now: Nanos) -> None:
    """Read when a request was made and for how long it holds, and test its age.

    Raises:
        Refused: The timestamp is missing or malformed, too old, or ahead.
    """
    admitted.timestamp_us = admitted.parameters.timestamp_us()
    admitted.window_us = admitted.parameters.receive_window_us()
    check_timing(admitted.timestamp_us, admitted.window_us, now // _NANOS_PER_US)
