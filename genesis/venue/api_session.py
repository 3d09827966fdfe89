"""One connection of the WebSocket API, without its socket (`binance-spot.md` section 6).

A request passes in three steps, as on the live venue: `admit` judges form, key, signature, age and
rate when it comes in; `forward` tests the age of trading requests again, just before matching;
`execute` carries it out. Between any two of them time may pass.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from genesis.limits import VENUE_SUBSCRIPTIONS_MAX
from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.api_call import Method, Result, Security
from genesis.venue.api_methods import METHODS
from genesis.venue.parameters import Parameters
from genesis.venue.refusals import Refused
from genesis.venue.reports import JsonObject
from genesis.venue.request_desk import Admitted, Credentials, RequestDesk, read_timing
from genesis.venue.request_limits import RateLimitCount
from genesis.venue.signatures import SIGNATURE_PARAMETER, KeyVerifier, signed_payloads
from genesis.venue.time_units import TimeUnit, VenueTime, encode_json
from genesis.venue.user_streams import Deliver, event_envelope

CONNECT_WEIGHT: Final = 2
SESSION_WEIGHT: Final = 2
STATUS_OK: Final = 200

_LOGOUT: Final = "session.logout"
_UNSUBSCRIBE: Final = "userDataStream.unsubscribe"
SESSION_METHODS: Final = frozenset(
    {
        "session.logon",
        "session.status",
        _LOGOUT,
        "session.subscriptions",
        "userDataStream.subscribe",
        "userDataStream.subscribe.signature",
        _UNSUBSCRIBE,
    }
)
"""The methods that are of one connection, beside those of `api_methods.py`."""

_ENDING_METHODS: Final = frozenset({_LOGOUT, _UNSUBSCRIBE})

_VERSION_PREFIX: Final = "v3/"
_NO_ID: Final = msgspec.Raw(b"null")


class _Request(msgspec.Struct):
    method: str
    id: msgspec.Raw = _NO_ID
    params: dict[str, msgspec.Raw] | None = None


class _Failure(msgspec.Struct, omit_defaults=True):
    code: int
    msg: str
    data: JsonObject | None = None


class _Reply(msgspec.Struct, omit_defaults=True, rename="camel"):
    id: msgspec.Raw
    status: int
    result: Result = None
    error: _Failure | None = None
    rate_limits: list[RateLimitCount] | None = None


_decode_request: Final = msgspec.json.Decoder(_Request).decode


@dataclass(slots=True)
class ApiRequest(Admitted):
    """A request with what names it on its connection."""

    id: msgspec.Raw = field(default_factory=lambda: _NO_ID)
    ends_logon: bool = False


@dataclass(slots=True)
class _Logon:
    verifier: KeyVerifier
    since: Nanos


class ApiSession:
    """The state of one connection: logon and subscriptions.

    `number` tells connections apart; `deliver` takes one user event to the client. Times are
    written in `time_unit`.
    """

    def __init__(
        self,
        desk: RequestDesk,
        number: int,
        deliver: Deliver,
        now: Nanos,
        *,
        rate_limits: bool = True,
        time_unit: TimeUnit = TimeUnit.MILLISECOND,
    ) -> None:
        self._desk = desk
        self._number = number
        self._deliver = deliver
        self._time_unit = time_unit
        self._connected_at = now
        self._shows_rate_limits = rate_limits
        self._logon: _Logon | None = None
        self._subscriptions: dict[int, int] = {}
        self._logon_subscription: int | None = None
        self._next_subscription = 0
        self._own_methods: dict[str, Callable[[ApiRequest, Nanos], Result]] = {
            "session.logon": self._log_on,
            "session.status": self._status,
            _LOGOUT: self._log_out,
            "session.subscriptions": self._list_subscriptions,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            _UNSUBSCRIBE: self._unsubscribe,
        }
        assert self._own_methods.keys() == SESSION_METHODS, "each has its method"
        # A weight beyond the limit is shown by the first request; connecting itself succeeds.
        desk.weight.count(CONNECT_WEIGHT, now // NANOS_PER_MS)

    def admit(self, message: str | bytes, now: Nanos) -> ApiRequest:
        """Judge a message that has come in. `forward` and `execute` must follow, now or later."""
        admitted = ApiRequest(time_unit=self._time_unit)
        try:
            self._admit(message, admitted, now)
        except Refused as refusal:
            admitted.refusal = refusal
        return admitted

    def forward(self, admitted: ApiRequest, now: Nanos) -> None:
        """Hand an admitted request to matching, unless a trading request has grown too old."""
        self._desk.forward(admitted, now)

    def execute(self, admitted: ApiRequest, now: Nanos) -> list[bytes]:
        """Carry out a forwarded request; return its reply, and the notices that follow it."""
        try:
            if admitted.refusal is not None:
                raise admitted.refusal
            result = self._run(admitted, now)
        except Refused as refusal:
            messages = [self.refuse(admitted, refusal, now)]
            if admitted.ends_logon:
                messages += self._end_subscriptions((self._logon_subscription,), now)
            return messages
        reply = _Reply(id=admitted.id, status=STATUS_OK, result=result)
        messages = [self._encode(admitted, reply, now)]
        if admitted.method in _ENDING_METHODS:
            messages += self._end_subscriptions(self._ended_by(admitted), now)
        return messages

    def refuse(self, admitted: ApiRequest, refusal: Refused, now: Nanos) -> bytes:
        """Return the reply that refuses a request."""
        failure = _Failure(code=refusal.code, msg=refusal.text)
        if refusal.retry_at_ms:
            failure.data = {
                "serverTime": VenueTime(now),
                "retryAfter": VenueTime(refusal.retry_at_ms * NANOS_PER_MS),
            }
        reply = _Reply(id=admitted.id, status=refusal.status, error=failure)
        return self._encode(admitted, reply, now)

    def terminate_subscriptions(self, now: Nanos) -> list[bytes]:
        """End the subscriptions unasked; return an event for each."""
        return self._end_subscriptions(tuple(self._subscriptions), now)

    def close(self) -> None:
        """End the subscriptions: the connection is gone."""
        for subscription_id, account_id in self._subscriptions.items():
            self._desk.user_streams.remove(account_id, (self._number, subscription_id))
        self._subscriptions.clear()

    # Coming in.

    def _admit(self, message: str | bytes, admitted: ApiRequest, now: Nanos) -> None:
        try:
            request = _decode_request(message)
            admitted.parameters = Parameters.from_json(request.params or {})
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise refusals.invalid_json() from None
        self._check_logon(admitted)
        admitted.id = msgspec.Raw(bytes(request.id))
        admitted.method = request.method.removeprefix(_VERSION_PREFIX)
        method = METHODS.get(admitted.method)
        if method is None and admitted.method not in self._own_methods:
            raise refusals.unknown_method()
        weight = SESSION_WEIGHT if method is None else method.weigh(admitted.parameters)
        self._desk.spend(admitted, weight, now)
        if method is not None and method.security is not Security.NONE:
            self._authenticate(method, admitted, now)

    def _check_logon(self, admitted: ApiRequest) -> None:
        """Refuse the first request behind the death of the session's key (section 6.2).

        The refusal is nobody's by its id, and the session is not logged on any more.
        """
        if self._logon is not None and not self._desk.knows(self._logon.verifier):
            self._logon = None
            admitted.ends_logon = True
            raise refusals.unknown_key()

    def _authenticate(self, method: Method, admitted: ApiRequest, now: Nanos) -> None:
        """Find the account, by the request's own key and signature or by the session's."""
        parameters = admitted.parameters
        is_signed = "apiKey" in parameters or SIGNATURE_PARAMETER in parameters
        if is_signed or self._logon is None:
            verifier = self._check_signed(admitted, now)
        else:
            read_timing(admitted, now)
            verifier = self._logon.verifier
        self._desk.authorize(method, admitted, verifier.key)

    def _check_signed(self, admitted: ApiRequest, now: Nanos) -> KeyVerifier:
        parameters = admitted.parameters
        credentials = Credentials(
            parameters.required_text("apiKey"),
            parameters.texts.get(SIGNATURE_PARAMETER),
            signed_payloads(parameters.texts),
        )
        return self._desk.authenticate(admitted, credentials, now)

    # Being carried out.

    def _run(self, admitted: ApiRequest, now: Nanos) -> Result:
        method = METHODS.get(admitted.method)
        if method is None:
            return self._own_methods[admitted.method](admitted, now)
        return self._desk.run(method, admitted, now)

    def _encode(self, admitted: ApiRequest, reply: _Reply, now: Nanos) -> bytes:
        now_ms = now // NANOS_PER_MS
        if self._wants_rate_limits(admitted):
            counts = self._desk.order_counts(admitted, now)
            reply.rate_limits = [*counts, self._desk.weight.entry(now_ms)]
        return encode_json(reply, admitted.time_unit)

    def _wants_rate_limits(self, admitted: ApiRequest) -> bool:
        try:
            wanted = admitted.parameters.flag("returnRateLimits")
        except Refused:
            wanted = None
        return self._shows_rate_limits if wanted is None else wanted

    # The session's own methods.

    def _log_on(self, admitted: ApiRequest, now: Nanos) -> Result:
        verifier = self._check_signed(admitted, now)
        if not verifier.may_log_on:
            raise refusals.not_authorized()
        wanted = admitted.parameters.flag("returnRateLimits")
        if wanted is not None:
            self._shows_rate_limits = wanted
        self._logon = _Logon(verifier, now)
        return self._state(now)

    def _status(self, admitted: ApiRequest, now: Nanos) -> Result:
        del admitted
        return self._state(now)

    def _log_out(self, admitted: ApiRequest, now: Nanos) -> Result:
        del admitted
        self._logon = None
        return self._state(now)

    def _list_subscriptions(self, admitted: ApiRequest, now: Nanos) -> Result:
        del admitted, now
        return [{"subscriptionId": number} for number in self._subscriptions]

    def _subscribe(self, admitted: ApiRequest, now: Nanos) -> Result:
        del admitted, now
        if self._logon is None:
            raise refusals.not_authorized()
        result = self._add_subscription(self._logon.verifier.key.account_id)
        self._logon_subscription = self._next_subscription - 1
        return result

    def _subscribe_signed(self, admitted: ApiRequest, now: Nanos) -> Result:
        return self._add_subscription(self._check_signed(admitted, now).key.account_id)

    def _unsubscribe(self, admitted: ApiRequest, now: Nanos) -> Result:
        del now
        wanted = admitted.parameters.integer("subscriptionId")
        if not self._subscriptions or wanted not in (None, *self._subscriptions):
            raise refusals.not_subscribed()
        return {}

    def _add_subscription(self, account_id: int) -> Result:
        if account_id in self._subscriptions.values():
            raise refusals.already_subscribed()
        if self._next_subscription >= VENUE_SUBSCRIPTIONS_MAX:
            raise refusals.no_subscriptions_left()
        number = self._next_subscription
        self._next_subscription += 1
        self._subscriptions[number] = account_id
        key = self._number, number
        self._desk.user_streams.add(account_id, key, self._deliver, self._time_unit)
        return {"subscriptionId": number}

    def _ended_by(self, admitted: ApiRequest) -> Iterable[int | None]:
        """Return which subscriptions an answered unsubscribe or logout ends."""
        if admitted.method == _LOGOUT:
            return (self._logon_subscription,)
        wanted = admitted.parameters.integer("subscriptionId")
        return tuple(self._subscriptions) if wanted is None else (wanted,)

    def _end_subscriptions(self, numbers: Iterable[int | None], now: Nanos) -> list[bytes]:
        """End those of some subscriptions that there are; return an event for each."""
        events = []
        for number in numbers:
            if number is None or number not in self._subscriptions:
                continue
            account_id = self._subscriptions.pop(number)
            self._desk.user_streams.remove(account_id, (self._number, number))
            event = b'{"e":"eventStreamTerminated","E":%d}' % (now // self._time_unit)
            events.append(event_envelope(number, event))
        return events

    def _state(self, now: Nanos) -> JsonObject:
        logon = self._logon
        return {
            "apiKey": None if logon is None else logon.verifier.key.api_key,
            "authorizedSince": None if logon is None else VenueTime(logon.since),
            "connectedSince": VenueTime(self._connected_at),
            "returnRateLimits": self._shows_rate_limits,
            "serverTime": VenueTime(now),
            "userDataStream": bool(self._subscriptions),
        }
