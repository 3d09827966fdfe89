"""`genesis.venue.stream_session`: subscriptions and control messages (section 3)."""

from dataclasses import dataclass, field

import msgspec
import pytest

from genesis.limits import VENUE_STREAMS_MAX
from genesis.venue.stream_payloads import stream_form
from genesis.venue.stream_session import StreamSession, stream_path
from genesis.venue.time_units import TimeUnit


@dataclass
class Connection:
    """A session, and the changes of its subscriptions."""

    is_combined: bool = False
    changes: list[str] = field(default_factory=list)
    session: StreamSession = field(init=False)

    def __post_init__(self) -> None:
        self.session = StreamSession(
            form=stream_form(self.is_combined, TimeUnit.MILLISECOND),
            subscribed=lambda stream: self.changes.append(f"+{stream}"),
            unsubscribed=lambda stream: self.changes.append(f"-{stream}"),
        )

    def send(self, message: str) -> object:
        """Send a control message and return the reply."""
        return msgspec.json.decode(self.session.receive(message))


@pytest.mark.parametrize(
    ("target", "opened"),
    [
        ("/stream?streams=a@trade/b@bookTicker", (True, ["a@trade", "b@bookTicker"])),
        ("/stream", (True, [])),
        ("/stream?streams=a%40trade&timeUnit=MICROSECOND", (True, ["a@trade"])),
        ("/ws", (False, [])),
        ("/ws/0", (False, [])),
        ("/stream-sim/ws/0", (False, [])),
        ("/ws/a@trade", (False, ["a@trade"])),
        ("/ws/a@trade/b@depth@100ms", (False, ["a@trade", "b@depth@100ms"])),
        ("/ws/a%40trade", (False, ["a@trade"])),
        ("/other", None),
        ("/wsx", None),
    ],
)
def test_request_targets(target: str, opened: tuple[bool, list[str]] | None) -> None:
    """Combined or raw, with first streams or without; what is no stream name is ignored."""
    assert stream_path(target) == opened


def test_subscribing_and_unsubscribing() -> None:
    """Each change is told once; doubling and unknown streams are answered like success."""
    connection = Connection()

    assert connection.send('{"method":"SUBSCRIBE","params":["a@trade","b@trade"],"id":1}') == {
        "result": None,
        "id": 1,
    }
    connection.send('{"method":"SUBSCRIBE","params":["a@trade","a@trade"],"id":"x-2"}')
    connection.send('{"method":"UNSUBSCRIBE","params":["a@trade","c@trade"],"id":3}')
    assert connection.send('{"method":"LIST_SUBSCRIPTIONS","id":4}') == {
        "result": ["b@trade"],
        "id": 4,
    }
    assert connection.changes == ["+a@trade", "+b@trade", "-a@trade"]
    connection.session.close()
    assert connection.changes[-1] == "-b@trade"


def test_the_combined_property() -> None:
    """It begins as the path says, and can be set."""
    connection = Connection()

    assert connection.send('{"method":"GET_PROPERTY","params":["combined"],"id":1}') == {
        "result": False,
        "id": 1,
    }
    assert connection.send('{"method":"SET_PROPERTY","params":["combined",true],"id":2}') == {
        "result": None,
        "id": 2,
    }
    assert connection.session.form == (True, TimeUnit.MILLISECOND)


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        ('{"method":"GET_PROPERTY","params":["color"],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":["color",true],"id":1}', 0, "Unknown property"),
        (
            '{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}',
            1,
            "Invalid value type: expected Boolean",
        ),
        (
            '{"method":"SUBSCRIBE","params":["no stream"],"id":1}',
            2,
            "Invalid request: invalid stream",
        ),
    ],
)
def test_refused_control_messages(message: str, code: int, text: str) -> None:
    """The error is nested, as captures of the live venue show it."""
    assert Connection().send(message) == {"error": {"code": code, "msg": text}, "id": 1}


@pytest.mark.parametrize(
    ("message", "code", "beginning"),
    [
        ("{", 3, "Invalid JSON: expected value at line"),
        ('{"id":1}', 2, "Invalid request: "),
        ('{"method":"SUBSCRIBE","params":"a@trade","id":1}', 2, "Invalid request: "),
        (
            '{"method":"DANCE","id":1}',
            2,
            "Invalid request: unknown variant `DANCE`, expected one of",
        ),
    ],
)
def test_malformed_control_messages(message: str, code: int, beginning: str) -> None:
    """What is no JSON is told apart from what is no request."""
    reply = Connection().send(message)
    assert isinstance(reply, dict)
    assert reply["error"]["code"] == code
    assert reply["error"]["msg"].startswith(beginning)


def test_too_many_subscriptions() -> None:
    """The request is refused whole; what was there stays."""
    connection = Connection()
    names = [f"s{number}@trade" for number in range(VENUE_STREAMS_MAX + 1)]
    request = msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": 1}).decode()

    assert connection.send(request) == {
        "error": {"code": 4, "msg": "Too many subscriptions"},
        "id": 1,
    }
    assert connection.changes == []


def test_errors_may_stand_flat() -> None:
    """As the documents print them, where captures show an object of their own."""
    connection = Connection()
    nested = connection.send('{"method":"NOTHING","id":7}')
    connection.session = StreamSession(
        form=connection.session.form,
        subscribed=lambda _: None,
        unsubscribed=lambda _: None,
        flat_errors=True,
    )
    flat = connection.send('{"method":"NOTHING","id":7}')

    assert isinstance(nested, dict)
    assert flat == {**nested["error"], "id": 7}
    assert connection.send("{") == {
        "code": 3,
        "msg": "Invalid JSON: expected value at line 1 column 1",
        "id": None,
    }
