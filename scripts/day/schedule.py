"""What befalls a client on a compressed day: each kind of fault once, at a time drawn from a seed.

Faults are the documents of the venue's admin call. Most have a time of their own, so that what a
client makes of one can be told from what it makes of the next; a symbol's halt and its changed
rules go on beside them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, TypeAlias

from scripts.day.scale import SYMBOLS, Scale

Document: TypeAlias = dict[str, str | int | float | bool]

_DAY_S: Final = 86_400
_SETTLE_SHARE: Final = 0.25  # of the spans: what may be left of each when the next one begins
_HALT_SHARE: Final = 0.4  # of a day: longer than between two looks at the rules
_STEP_MS: Final = (1_200, 3_000)
"""A step that no request survives: the venue's answer tells the client of it."""

_SLIP_MS: Final = (300, 700)
"""A step that no answer tells of."""

_CHANGES: Final = 5
_CHANGE_MS: Final = 300.0
_RULES: Final = {  # tick and step size, of which hardly an order fits the other ones too
    "BTCUSDT": (("0.2", "0.00002"), ("0.3", "0.00003")),
    "ETHUSDT": (("0.2", "0.0002"), ("0.3", "0.0003")),
}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One fault: by which name its strikes are counted, and the document that says it all."""

    name: str
    document: Document

    @property
    def in_ms(self) -> float:
        """When it begins, from the beginning of the day on."""
        return float(self.document.get("in_ms", 0))

    def at_once(self) -> "Planned":
        """Return the same fault, to begin when it is given."""
        return replace(self, document=self.document | {"in_ms": 0})

    def __str__(self) -> str:
        rest = " ".join(
            f"{key}={value}"
            for key, value in self.document.items()
            if key not in ("fault", "in_ms")
        )
        return f"{self.in_ms / 1_000:8.3f} s  {self.name}: {self.document['fault']} {rest}".rstrip()


@dataclass(frozen=True, kw_only=True)
class _Strand:
    """What has a time of its own. `span_ms` of a day is how long it holds the client up."""

    span_ms: Callable[[float], float]
    draw: Callable[[Random, float], Sequence[tuple[str, Document]]]


def _lasting(share: float, least_ms: float) -> Callable[[float], float]:
    return lambda day_ms: max(least_ms, share * day_ms)


_BAN: Final = _lasting(0.06, 1_200)
_THROTTLE: Final = _lasting(0.03, 700)
_AWAY: Final = _lasting(0.05, 900)
_MOMENT: Final = _lasting(0.02, 200)


def _one(name: str, **document: str | float | bool) -> Callable[..., list[tuple[str, Document]]]:
    return lambda _chance, _span_ms: [(name, dict(document))]


def _ban(_chance: Random, span_ms: float) -> list[tuple[str, Document]]:
    return [("418 ban", {"fault": "address_banned", "for_ms": span_ms})]


def _throttle(code: int, method: str) -> Callable[[Random, float], list[tuple[str, Document]]]:
    def draw(_chance: Random, span_ms: float) -> list[tuple[str, Document]]:
        document: Document = {"fault": "answered", "code": code, "times": 0, "for_ms": span_ms}
        document |= {"retry_after_ms": span_ms} | ({"method": method} if method else {})
        return [(f"429 with {code}", document)]

    return draw


def _step(
    name: str, sign: int, bounds: tuple[int, int]
) -> Callable[[Random, float], list[tuple[str, Document]]]:
    return lambda chance, _: [
        (name, {"fault": "clock_stepped", "step_ms": sign * chance.randint(*bounds)})
    ]


def _away(_chance: Random | None, span_ms: float) -> list[tuple[str, Document]]:
    """Take the WebSocket API away, with orders under way of which nobody tells what became."""
    before_ms = 400.0
    return [
        (
            "reply lost",
            {"fault": "reply_lost", "method": "order.place", "times": 3, "for_ms": before_ms},
        ),
        ("event lost with it", {"fault": "event_lost", "times": 0, "for_ms": before_ms}),
        (
            "WebSocket API cut",
            {"fault": "connection_cut", "kind": "api", "in_ms": before_ms},
        ),
        (
            "WebSocket API refused",
            {
                "fault": "handshake_refused",
                "kind": "api",
                "times": 0,
                "in_ms": before_ms,
                "for_ms": span_ms,
            },
        ),
    ]


_STRANDS: Final = (
    _Strand(span_ms=_MOMENT, draw=_one("serverShutdown", fault="server_shutdown", lead_ms=200)),
    _Strand(
        span_ms=_MOMENT,
        draw=_one("end of every socket", fault="connection_closed", code=1001, reason="going away"),
    ),
    _Strand(span_ms=_BAN, draw=_ban),
    _Strand(span_ms=_THROTTLE, draw=_throttle(-1003, "")),
    _Strand(span_ms=_THROTTLE, draw=_throttle(-1015, "order.place")),
    _Strand(span_ms=_MOMENT, draw=_step("clock forward", 1, _STEP_MS)),
    _Strand(span_ms=_MOMENT, draw=_step("clock back", -1, _STEP_MS)),
    _Strand(span_ms=_MOMENT, draw=_step("clock slips back", -1, _SLIP_MS)),
    _Strand(span_ms=_MOMENT, draw=_step("clock slips forward", 1, _SLIP_MS)),
    _Strand(span_ms=_MOMENT, draw=_one("silent user stream", fault="stream_silenced")),
    _Strand(span_ms=_MOMENT, draw=_one("eventStreamTerminated", fault="user_streams_terminated")),
    _Strand(span_ms=_MOMENT, draw=_one("event lost", fault="event_lost", times=2)),
    _Strand(span_ms=_MOMENT, draw=_one("event late", fault="event_delayed", times=3, delay_ms=250)),
    _Strand(
        span_ms=_MOMENT, draw=_one("event doubled", fault="event_doubled", times=3, delay_ms=50)
    ),
    _Strand(
        span_ms=_MOMENT,
        draw=_one("market socket silent", fault="connection_silenced", kind="streams"),
    ),
    _Strand(
        span_ms=_MOMENT, draw=_one("market socket cut", fault="connection_cut", kind="streams")
    ),
    _Strand(
        span_ms=_MOMENT,
        draw=_one("gap in depth", fault="frame_lost", stream="btcusdt@depth@100ms"),
    ),
    _Strand(
        span_ms=_MOMENT, draw=_one("gap in trades", fault="frame_lost", stream="ethusdt@trade")
    ),
    _Strand(
        span_ms=_MOMENT,
        draw=_one(
            "-1007, executed",
            fault="answered",
            code=-1007,
            method="order.place",
            executed=True,
            delay_ms=100,
        ),
    ),
    _Strand(
        span_ms=_MOMENT,
        draw=_one("-1007, not executed", fault="answered", code=-1007, method="order.place"),
    ),
    _Strand(span_ms=_AWAY, draw=_away),
)


def plan_day(chance: Random, number: int, scale: Scale) -> list[Planned]:
    """Draw the faults of one day, in the order of their times; `number` counts days from 0."""
    day_ms = 1_000.0 * scale.day_s
    planned = [*_in_their_turn(chance, day_ms), *_beside(chance, number, day_ms)]
    return sorted(planned, key=lambda fault: fault.in_ms)


def api_away(scale: Scale) -> list[Planned]:
    """Return what takes the WebSocket API away for a while, from now on."""
    span_ms = _AWAY(1_000.0 * scale.day_s)
    return [Planned(name=name, document=document) for name, document in _away(None, span_ms)]


def least_day_s() -> int:
    """Return the shortest day, in whole seconds, that has room for everything."""
    return next(day_s for day_s in range(1, _DAY_S) if _room(1_000.0 * day_s) >= 0)


def _spans(day_ms: float) -> list[float]:
    return [strand.span_ms(day_ms) for strand in _STRANDS]


def _room(day_ms: float) -> float:
    """Return what a day has beyond its spans, and what is left for the client to settle."""
    return day_ms - (1 + _SETTLE_SHARE) * sum(_spans(day_ms))


def _in_their_turn(chance: Random, day_ms: float) -> Iterator[Planned]:
    strands = list(_STRANDS)
    chance.shuffle(strands)
    room = _room(day_ms)
    assert room >= 0, "the day has room for everything"
    cuts = sorted(chance.uniform(0, room) for _ in strands)
    at_ms = before = 0.0
    for strand, cut in zip(strands, cuts, strict=True):
        at_ms += cut - before
        before = cut
        span_ms = strand.span_ms(day_ms)
        for name, document in strand.draw(chance, span_ms):
            later = float(document.get("in_ms", 0))
            yield Planned(name=name, document=document | {"in_ms": round(at_ms + later, 3)})
        at_ms += span_ms * (1 + _SETTLE_SHARE)


def _beside(chance: Random, number: int, day_ms: float) -> Iterator[Planned]:
    """Halt one symbol for a while, and give others other rules."""
    yield halt(SYMBOLS[-1 - number % 2], day_ms, round(chance.uniform(0, _HALT_SHARE) * day_ms, 3))
    yield from other_rules(round(chance.uniform(0, 0.8) * day_ms, 3))


def halt(symbol: str, day_ms: float, in_ms: float = 0.0) -> Planned:
    """Return what halts a symbol for so long that it is found out."""
    return Planned(
        name="symbol halted",
        document={
            "fault": "symbol_halted",
            "symbol": symbol,
            "for_ms": _HALT_SHARE * day_ms,
            "in_ms": in_ms,
        },
    )


def other_rules(in_ms: float = 0.0) -> Iterator[Planned]:
    """Change the rules of some symbols, a few times on end: an order should meet one of them."""
    for turn in range(_CHANGES):
        for symbol, rules in _RULES.items():
            tick_size, step_size = rules[turn % len(rules)]
            yield Planned(
                name="rules changed",
                document={
                    "fault": "rules_changed",
                    "symbol": symbol,
                    "tick_size": tick_size,
                    "step_size": step_size,
                    "min_notional": "5",
                    "in_ms": in_ms + turn * _CHANGE_MS,
                },
            )
