"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import BigInteger, DateTime, Integer, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from genesis.units import DECIMALS, NANOS_PER_SECOND, NANOS_PER_US, Nanos, decimal_from_fixed

_DIGITS: Final = 38
_SQLITE_MAX: Final = 2**63 - 1
_US_PER_SECOND: Final = NANOS_PER_SECOND // NANOS_PER_US

BigCount: Final = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 64 bits; on SQLite, where every integer has them, it may be a rowid."""


class AmountOutOfRange(ValueError):
    """An amount that SQLite's 64-bit integers cannot hold."""


class Fixed(TypeDecorator[Decimal]):
    """A price, quantity or amount: scaled by 10**8 going in, a Decimal coming out; exact in both.

    PostgreSQL has NUMERIC for it. SQLite has no decimal type: NUMERIC there is a float, and a sum
    of TEXT is one as well, silently. So it holds the scaled integer, which compares, sorts and sums
    exactly, up to 92 233 720 368 units; more is refused, and is a matter for PostgreSQL.
    """

    impl = Numeric(_DIGITS, DECIMALS)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal]:
        """Choose the engine's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())  # type: ignore[arg-type]
        return dialect.type_descriptor(Numeric(_DIGITS, DECIMALS))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | Decimal | None:  # type: ignore[override]
        """Write a scaled integer."""
        if value is None:
            return None
        assert isinstance(value, int), "money goes in as a scaled integer"
        if dialect.name != "sqlite":
            return decimal_from_fixed(value)
        if abs(value) > _SQLITE_MAX:
            raise AmountOutOfRange(
                f"an amount of {decimal_from_fixed(value)} is more than SQLite can hold exactly"
            )
        return value

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> Decimal | None:
        """Read a Decimal with eight decimals."""
        if value is None:
            return None
        return decimal_from_fixed(int(value)) if dialect.name == "sqlite" else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """A time: nanoseconds since 1970 going in, a datetime in UTC coming out, cut to microseconds.

    Neither engine's own type holds more; the nanoseconds stay in the entry itself, and order is
    told by `sequence`. SQLite keeps text that sorts, PostgreSQL a timestamp with time zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Nanos | None, dialect: Dialect) -> datetime | None:  # type: ignore[override]
        """Write nanoseconds since 1970."""
        if value is None:
            return None
        assert isinstance(value, int), "a time goes in as nanoseconds"
        moment = utc_from_nanos(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read a datetime in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_from_nanos(at: Nanos) -> datetime:
    """Return a moment in UTC, cut to the microsecond below, with no float on the way."""
    seconds, rest = divmod(at // NANOS_PER_US, _US_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
