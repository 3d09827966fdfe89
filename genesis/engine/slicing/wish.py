"""What a person asks for: the words of a parent order, checked one by one. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from genesis.domain.orders import Side
from genesis.engine.slicing.schedule import CURVE_BUCKETS_MIN, Algorithm, cumulative_shares
from genesis.errors import UsageError
from genesis.limits import CURVE_BUCKETS_MAX, PARENT_DURATION_MAX, SLICES_MAX
from genesis.units import NANOS_PER_SECOND, Amount, Nanos, Price, Quantity, fixed_from_text

T = TypeVar("T")

IMPACT_BPS: Final = 50
SLIPPAGE_BPS: Final = 100
_BPS_MAX: Final = 5_000
SLICE: Final[Nanos] = 2 * NANOS_PER_SECOND
_CLIPS: Final = 20  # an iceberg shows a twentieth of itself, if nothing else is asked for


class ParentWish(msgspec.Struct, frozen=True, kw_only=True):
    """A parent order as it is asked for, before risk has judged it.

    One of `notional` and `quantity` is 0. `clip` is what an iceberg shows, in the quote asset;
    `curve` a VWAP's own, () to learn it from the market. Bounds of 0 are none.
    """

    strategy_id: str
    side: Side
    algorithm: Algorithm
    duration: Nanos
    symbol: str = ""
    notional: Amount = 0
    quantity: Quantity = 0
    slices: int = 1
    clip: Amount = 0
    curve: tuple[int, ...] = ()
    limit_price: Price = 0
    impact_bps: int = IMPACT_BPS
    slippage_bps: int = SLIPPAGE_BPS
    participation_bps: int = 0


def wish_of(words: Mapping[str, str]) -> ParentWish:
    """Read the words of an `execute` command.

    Raises:
        UsageError: A word is unknown, missing or wrong; the message says which, and what to do.
    """
    unknown = sorted(set(words) - _WORDS)
    if unknown:
        raise UsageError(f"unknown word {unknown[0]!r}: {', '.join(sorted(_WORDS))}")
    algorithm = _read(words, "algo", Algorithm, "iceberg, twap or vwap")
    duration = _read(words, "over_s", int, "a number of seconds") * NANOS_PER_SECOND
    if not NANOS_PER_SECOND <= duration <= PARENT_DURATION_MAX:
        raise UsageError(f"over_s: 1 to {PARENT_DURATION_MAX // NANOS_PER_SECOND} seconds")
    amount, quantity = _amount(words, "notional"), _amount(words, "quantity")
    if bool(amount) == bool(quantity):
        raise UsageError("say either notional or quantity, more than 0")
    slices = _bounded(words, "slices", max(1, min(SLICES_MAX, duration // SLICE)), SLICES_MAX)
    if slices == 0:
        raise UsageError("slices: at least 1")
    return ParentWish(
        strategy_id=_read(words, "strategy", str, "the name of a strategy"),
        symbol=words.get("symbol", ""),
        side=_read(words, "side", _side, "buy or sell"),
        algorithm=algorithm,
        duration=duration,
        notional=amount,
        quantity=quantity,
        slices=slices if algorithm is not Algorithm.ICEBERG else 1,
        clip=_amount(words, "clip") or amount // _CLIPS,
        curve=_curve(words) if algorithm is Algorithm.VWAP else (),
        limit_price=_amount(words, "limit_price"),
        impact_bps=_bounded(words, "impact_bps", IMPACT_BPS, _BPS_MAX),
        slippage_bps=_bounded(words, "slippage_bps", SLIPPAGE_BPS, _BPS_MAX),
        participation_bps=_bounded(words, "participation_bps", 0, 10_000),
    )


def _read(words: Mapping[str, str], name: str, read: Callable[[str], T], wanted: str) -> T:
    try:
        return read(words[name])
    except KeyError:
        raise UsageError(f"{name} is missing: {wanted}") from None
    except ValueError:
        raise UsageError(f"{name} {words[name][:40]!r}: {wanted}") from None


def _side(text: str) -> Side:
    if text not in {"buy", "sell"}:
        raise ValueError
    return Side.BUY if text == "buy" else Side.SELL


def _amount(words: Mapping[str, str], name: str) -> int:
    """Read a decimal number that may be left out; it is never negative."""
    if name not in words:
        return 0
    amount = _read(words, name, fixed_from_text, "a plain decimal number, such as 50000 or 0.25")
    if amount < 0:
        raise UsageError(f"{name} {words[name]}: not below 0")
    return amount


def _bounded(words: Mapping[str, str], name: str, default: int, most: int) -> int:
    if name not in words:
        return default
    number = _read(words, name, int, f"a whole number, 0 to {most}")
    if not 0 <= number <= most:
        raise UsageError(f"{name} {number}: a whole number, 0 to {most}")
    return number


def _curve(words: Mapping[str, str]) -> tuple[int, ...]:
    """Read volumes by equal parts of the duration, as many as one likes, separated by commas."""
    if "curve" not in words:
        return ()
    texts = words["curve"].split(",")
    wanted = f"{CURVE_BUCKETS_MIN} to {CURVE_BUCKETS_MAX} volumes, separated by commas, one above 0"
    if not CURVE_BUCKETS_MIN <= len(texts) <= CURVE_BUCKETS_MAX:
        raise UsageError(f"curve: {wanted}")
    volumes = _read(words, "curve", lambda _: tuple(map(fixed_from_text, texts)), wanted)
    curve = cumulative_shares(volumes) if min(volumes) >= 0 else ()
    if not curve:
        raise UsageError(f"curve: {wanted}")
    return curve


_WORDS: Final = frozenset(
    {
        *("strategy", "symbol", "side", "algo", "over_s", "notional", "quantity", "slices"),
        *("clip", "curve", "limit_price", "impact_bps", "slippage_bps", "participation_bps"),
    }
)
