"""One market-data connection, without its socket: its subscriptions and control messages.

`binance-spot.md` section 3. Payloads go by another way (`stream_hub.py`); this decides which
streams a connection has, and in which form it gets them.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from genesis.limits import VENUE_STREAM_NAME_CHARS_MAX, VENUE_STREAMS_MAX
from genesis.venue.stream_payloads import StreamForm, stream_form
from genesis.venue.time_units import encode_json

_METHODS: Final = (
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST_SUBSCRIPTIONS",
    "SET_PROPERTY",
    "GET_PROPERTY",
)
_COMBINED: Final = "combined"
_COMBINED_PATH: Final = "/stream"
_RAW_PATH: Final = "/ws"
_ALIAS: Final = "/stream-sim"  # before a raw path, for clients that know spot by its host's name
_STREAM_NAME: Final = re.compile(r"[^\s@!/]+@[A-Za-z0-9_@:+-]+|![A-Za-z0-9_@]+")
_NULL: Final = msgspec.Raw(b"null")

CODE_UNKNOWN_PROPERTY: Final = 0
CODE_INVALID_VALUE: Final = 1
CODE_INVALID_REQUEST: Final = 2
CODE_INVALID_JSON: Final = 3
CODE_TOO_MANY: Final = 4


class _ControlRequest(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: msgspec.Raw = _NULL


class _ControlError(Exception):
    """A control message is refused. It leaves the connection as it was."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


_decode_request: Final = msgspec.json.Decoder(_ControlRequest).decode
_decode_names: Final = msgspec.json.Decoder(list[str]).decode
_decode_property: Final = msgspec.json.Decoder(tuple[str, bool]).decode


def stream_path(target: str) -> tuple[bool, list[str]] | None:
    """Read a request target: whether the connection is combined, and its first streams.

    Returns None when the path is no streams path. What follows `/ws/` and names no stream is
    ignored, as on the live venue.
    """
    parts = urlsplit(target)
    path = unquote(parts.path).rstrip("/").removeprefix(_ALIAS)
    if path == _COMBINED_PATH:
        named = parse_qs(parts.query).get("streams", [""])[-1]
        return True, [name for name in named.split("/") if name]
    if path == _RAW_PATH or path.startswith(f"{_RAW_PATH}/"):
        named = path.removeprefix(_RAW_PATH)
        return False, [name for name in named.split("/") if _STREAM_NAME.fullmatch(name)]
    return None


class StreamSession:
    """Subscriptions of one connection.

    `subscribed` and `unsubscribed` are told of each change. Errors stand in an object of their own,
    as captures of the live venue show them, or flat beside the id, as its documents do.
    """

    def __init__(
        self,
        *,
        form: StreamForm,
        subscribed: Callable[[str], None],
        unsubscribed: Callable[[str], None],
        flat_errors: bool = False,
    ) -> None:
        self.form = form
        self._flat_errors = flat_errors
        self._subscribed = subscribed
        self._unsubscribed = unsubscribed
        self._streams: dict[str, None] = {}

    @property
    def streams(self) -> Collection[str]:
        """The streams it has, in the order in which they began."""
        return self._streams

    def subscribe(self, streams: Sequence[str]) -> bool:
        """Add streams, those that are there already without effect; False if that is too many."""
        added = [stream for stream in dict.fromkeys(streams) if stream not in self._streams]
        if len(self._streams) + len(added) > VENUE_STREAMS_MAX:
            return False
        for stream in added:
            self._streams[stream] = None
            self._subscribed(stream)
        return True

    def close(self) -> None:
        """Drop every subscription: the connection is gone."""
        for stream in self._streams:
            self._unsubscribed(stream)
        self._streams.clear()

    def receive(self, message: str | bytes) -> bytes:
        """Carry out a control message, and return the reply to it."""
        try:
            request = _decode_request(message)
        except msgspec.ValidationError as error:
            return self._refusal(CODE_INVALID_REQUEST, f"Invalid request: {error}", None)
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = "Invalid JSON: expected value at line 1 column 1"
            return self._refusal(CODE_INVALID_JSON, text, None)
        try:
            result = self._run(request)
        except _ControlError as error:
            return self._refusal(error.code, error.text, request.id)
        return encode_json({"result": result, "id": request.id})

    def _refusal(self, code: int, text: str, request_id: int | str | None) -> bytes:
        error = {"code": code, "msg": text}
        if self._flat_errors:
            return encode_json({**error, "id": request_id})
        return encode_json({"error": error, "id": request_id})

    def _run(self, request: _ControlRequest) -> list[str] | bool | None:
        match request.method:
            case "SUBSCRIBE":
                if not self.subscribe(_names(request)):
                    raise _ControlError(CODE_TOO_MANY, "Too many subscriptions")
                return None
            case "UNSUBSCRIBE":
                for stream in _names(request):
                    if stream in self._streams:
                        del self._streams[stream]
                        self._unsubscribed(stream)
                return None
            case "LIST_SUBSCRIPTIONS":
                return list(self._streams)
            case "SET_PROPERTY":
                self._set_property(request)
                return None
            case "GET_PROPERTY":
                names = _names(request)
                if names != [_COMBINED]:
                    raise _ControlError(CODE_UNKNOWN_PROPERTY, "Unknown property")
                return self.form.is_combined
        raise _ControlError(
            CODE_INVALID_REQUEST,
            f"Invalid request: unknown variant `{request.method[:40]}`, expected one of "
            + ", ".join(f"`{method}`" for method in _METHODS),
        )

    def _set_property(self, request: _ControlRequest) -> None:
        try:
            name, value = _decode_property(request.params)
        except msgspec.ValidationError:
            text = "Invalid value type: expected Boolean"
            raise _ControlError(CODE_INVALID_VALUE, text) from None
        if name != _COMBINED:
            raise _ControlError(CODE_UNKNOWN_PROPERTY, "Unknown property")
        self.form = stream_form(value, self.form.time_unit)


def _names(request: _ControlRequest) -> list[str]:
    try:
        names = _decode_names(request.params)
    except msgspec.ValidationError as error:
        raise _ControlError(CODE_INVALID_REQUEST, f"Invalid request: {error}") from None
    is_stream_list = request.method != "GET_PROPERTY"
    if is_stream_list and not all(
        len(name) <= VENUE_STREAM_NAME_CHARS_MAX and _STREAM_NAME.fullmatch(name) for name in names
    ):
        raise _ControlError(CODE_INVALID_REQUEST, "Invalid request: invalid stream")
    return names
