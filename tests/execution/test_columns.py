"""The columns: money stays exact and time stays aware, or is refused at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from execution.columns import Money, Utc

D = Decimal
SQLITE, POSTGRESQL = sqlite.dialect(), postgresql.dialect()
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)
BOTH = pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=lambda made: made.name)


def kept(column: Money | Utc, value: Any, dialect: Dialect) -> Any:
    """The value after the database had it."""
    return column.process_result_value(column.process_bind_param(value, dialect), dialect)


class TestMoney:
    @BOTH
    @pytest.mark.parametrize("value", [0.1, 1, "1", True, float("nan")], ids=repr)
    def test_what_is_no_decimal_is_refused(self, value: Any, dialect: Dialect) -> None:
        with pytest.raises(TypeError, match="money is Decimal"):
            Money().process_bind_param(value, dialect)

    @BOTH
    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
    def test_what_is_not_finite_is_refused(self, value: str, dialect: Dialect) -> None:
        with pytest.raises(ValueError, match="finite"):
            Money().process_bind_param(D(value), dialect)

    @BOTH
    @given(value=st.decimals(allow_nan=False, allow_infinity=False))
    def test_any_number_comes_back_exactly(self, dialect: Dialect, value: Decimal) -> None:
        assert kept(Money(), value, dialect) == value

    def test_sqlite_keeps_it_as_plain_text(self) -> None:
        """Its own numbers are floats."""
        assert Money().process_bind_param(D("1E+20"), SQLITE) == "1" + "0" * 20
        assert Money().process_bind_param(D("1E-18"), SQLITE) == "0." + "0" * 17 + "1"

    @BOTH
    def test_no_amount_is_none(self, dialect: Dialect) -> None:
        assert kept(Money(), None, dialect) is None

    def test_sqlite_has_text_and_postgresql_has_38_digits(self) -> None:
        assert Money().load_dialect_impl(SQLITE).python_type is str
        numeric = Money().load_dialect_impl(POSTGRESQL)
        assert (numeric.precision, numeric.scale) == (38, 18)  # type: ignore[attr-defined]


class TestUtc:
    @BOTH
    def test_a_naive_time_is_refused(self, dialect: Dialect) -> None:
        with pytest.raises(ValueError, match="naive"):
            Utc().process_bind_param(datetime(2026, 3, 2), dialect)  # noqa: DTZ001

    @BOTH
    @given(at=MOMENTS)
    def test_any_moment_comes_back_aware_to_the_microsecond(
        self, dialect: Dialect, at: datetime
    ) -> None:
        back = kept(Utc(), at, dialect)

        assert back == at.astimezone(UTC)
        assert back.utcoffset() == timedelta(0)

    @given(one=MOMENTS, two=MOMENTS)
    def test_sqlites_text_sorts_as_time_does(self, one: datetime, two: datetime) -> None:
        texts = [Utc().process_bind_param(at, SQLITE) for at in (one, two)]

        assert (texts[0] < texts[1]) == (one.astimezone(UTC) < two.astimezone(UTC))

    def test_it_is_utc_whatever_zone_it_was_given_in(self) -> None:
        at = datetime(2026, 3, 2, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))

        assert Utc().process_bind_param(at, SQLITE) == "2026-03-02T12:00:00.000005Z"

    @BOTH
    def test_no_time_is_none(self, dialect: Dialect) -> None:
        assert kept(Utc(), None, dialect) is None
