"""Columns: exact going in and coming out, whatever the engine holds."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url
from sqlalchemy.engine import Dialect

from genesis.storage.records.columns import AmountOutOfRange, Fixed, UtcTime, utc_from_nanos
from genesis.storage.records.projection import nanos_from_utc
from genesis.units import SCALE, decimal_from_fixed

SQLITE, POSTGRES = ENGINES = [
    make_url(f"{name}://").get_dialect()() for name in ("sqlite", "postgresql+psycopg")
]


@pytest.mark.parametrize("dialect", ENGINES, ids=["sqlite", "postgresql"])
@given(amount=st.integers(-(2**63) + 1, 2**63 - 1))
def test_an_amount_comes_back_to_the_last_unit(dialect: Dialect, amount: int) -> None:
    """Every amount that both can hold is the same Decimal from both."""
    column = Fixed()
    stored = column.process_bind_param(amount, dialect)
    assert not isinstance(stored, float)
    assert column.process_result_value(stored, dialect) == decimal_from_fixed(amount)


def test_what_sqlite_cannot_hold_is_refused_not_rounded() -> None:
    """PostgreSQL holds it."""
    with pytest.raises(AmountOutOfRange, match="more than SQLite can hold exactly"):
        Fixed().process_bind_param(2**63, SQLITE)
    assert Fixed().process_bind_param(2**63, POSTGRES) == Decimal(2**63) / SCALE


@pytest.mark.parametrize("dialect", ENGINES, ids=["sqlite", "postgresql"])
@given(at=st.integers(0, 2**62))
def test_a_time_is_utc_cut_to_the_microsecond(dialect: Dialect, at: int) -> None:
    """It never comes back later than it was, and never in another zone."""
    column = UtcTime()
    back = column.process_result_value(column.process_bind_param(at, dialect), dialect)
    assert back is not None
    assert back.tzinfo is UTC
    assert nanos_from_utc(back) == at // 1_000 * 1_000


def test_a_server_s_own_zone_changes_nothing() -> None:
    """A moment is the same moment wherever its clock hangs."""
    moment = utc_from_nanos(1_780_000_000 * SCALE * 10)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    assert UtcTime().process_result_value(elsewhere, POSTGRES) == moment
    assert moment == datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)


@pytest.mark.parametrize("dialect", ENGINES, ids=["sqlite", "postgresql"])
def test_nothing_stays_nothing(dialect: Dialect) -> None:
    """A market order has no limit price; it is not 0."""
    assert Fixed().process_bind_param(None, dialect) is None
    assert Fixed().process_result_value(None, dialect) is None
    assert UtcTime().process_bind_param(None, dialect) is None
    assert UtcTime().process_result_value(None, dialect) is None
