"""How numbers, times and outside text read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram import figures
from bot.telegram.figures import MINUS, THIN


def plain(text: str) -> str:
    """With what a keyboard types in place of thin spaces and real minus signs."""
    return text.replace(THIN, " ").replace(MINUS, "-")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("60012.4", "60 012.40"),
        ("60012.40", "60 012.40"),
        ("58900", "58 900"),
        ("0.00001234", "0.00001234"),
        ("1.5", "1.5"),
        ("1E+3", "1 000"),
    ],
)
def test_a_price_is_exact(value: str, read: str) -> None:
    assert plain(figures.price(Decimal(value))) == read


@pytest.mark.parametrize(
    ("value", "prices", "read"),
    [
        ("60009.79518", ["60008.1", "60011.4"], "60 009.80"),
        ("0.000012345678", ["0.00001234"], "0.00001235"),
        ("100", ["100"], "100"),
    ],
)
def test_an_average_is_as_fine_as_its_prices(value: str, prices: list[str], read: str) -> None:
    assert plain(figures.average(Decimal(value), [Decimal(p) for p in prices])) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2490.4146", "2 490.41"),
        ("-46.2", "-46.20"),
        ("0", "0"),
        ("0.996154", "0.996"),
        ("0.00001234", "0.0000123"),
        ("-21707.416", "-21 707.42"),
        ("600", "600"),
    ],
)
def test_money_has_cents_or_three_digits(value: str, read: str) -> None:
    assert plain(figures.money(Decimal(value))) == read


def test_a_result_carries_its_sign() -> None:
    assert figures.money(Decimal("4.57"), signed=True) == "+4.57"
    assert figures.money(Decimal("-4.57"), signed=True) == f"{MINUS}4.57"
    assert figures.money(Decimal(0), signed=True) == "0"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2490.5146", "2 491"),
        ("1245.08", "1 245"),
        ("54000", "54 000"),
        ("1234567.8", "1 234 568"),
        ("622.6286", "622.6"),
        ("0.08", "0.08"),
        ("99.995", "100"),
    ],
)
def test_a_size_is_said_in_four_digits_and_whole_units(value: str, read: str) -> None:
    assert plain(figures.about(Decimal(value))) == read


@pytest.mark.parametrize(
    ("share", "read"),
    [
        ("0.0051", "0.51 %"),
        ("0.003", "0.3 %"),
        ("0.0000414", "0.004 %"),
        ("0.12345", "12.3 %"),
        ("1", "100 %"),
        ("0", "0 %"),
    ],
)
def test_a_share_is_rounded_to_what_matters(share: str, read: str) -> None:
    assert figures.percent(Decimal(share)) == read


def test_half_is_a_word() -> None:
    assert figures.share_words(Decimal("0.5")) == "half"
    assert figures.share_words(Decimal("0.25")) == "25 %"


def test_a_time_is_told_in_the_zone_of_the_settings() -> None:
    moment = datetime(2026, 7, 1, 12, 35, 10, tzinfo=UTC)

    assert figures.clock_time(moment, ZoneInfo("Europe/Berlin")) == "14:35:10"


@pytest.mark.parametrize(
    ("milliseconds", "read"),
    [
        (-5, "0 ms"),
        (4, "4 ms"),
        (999, "999 ms"),
        (2_150, "2.1 s"),
        (9_999, "9.9 s"),
        (18_000, "18 s"),
    ],
)
def test_a_delay_is_told_as_finely_as_it_matters(milliseconds: int, read: str) -> None:
    assert figures.lag(timedelta(milliseconds=milliseconds)) == read


@pytest.mark.parametrize(
    ("done", "read"),
    [
        ("0", "░░░░░░░░░░ 0 %"),
        ("0.001", "█░░░░░░░░░ 0 %"),
        ("0.4", "████░░░░░░ 40 %"),
        ("0.9999", "█████████░ 99 %"),
        ("1", "██████████ 100 %"),
        ("1.1", "██████████ 100 %"),
    ],
)
def test_progress_is_full_only_when_all_is_done(done: str, read: str) -> None:
    assert figures.progress(Decimal(done), Decimal(1)) == read


def test_words_are_counted_and_listed() -> None:
    assert figures.several(1, "order") == "1 order"
    assert figures.several(4, "order") == "4 orders"
    assert figures.listed([]) == ""
    assert figures.listed(["a"]) == "a"
    assert figures.listed(["a", "b", "c"], last="or") == "a, b or c"


def test_a_short_id_grows_while_it_is_ambiguous() -> None:
    one, two, three = "01JAAAB7F3K", "01JAAAC7F3K", "01JAABC7F3K"

    assert figures.short_id(one) == "T-7F3K"
    assert figures.short_id(one, [one]) == "T-7F3K"
    assert figures.short_id(one, [one, two]) == "T-B7F3K"
    assert figures.short_id(two, [one, two, three]) == "T-AC7F3K"
    assert figures.short_id("7F3K", ["X7F3K"]) == "T-7F3K"


@settings(deadline=None)
@given(st.text(), st.integers(min_value=1, max_value=60))
def test_a_cut_text_fits_and_breaks_no_character(text: str, limit: int) -> None:
    cut = figures.cut_utf16(text, limit)

    assert figures.utf16(cut) <= limit
    assert cut == text or cut.endswith("…")
    assert len(cut.encode("utf-16-le", "surrogatepass")) == 2 * figures.utf16(cut)


def test_a_rocket_counts_twice_as_telegram_counts() -> None:
    assert figures.utf16("🚀a") == 3
    assert figures.cut_utf16("🚀🚀🚀", 5) == "🚀🚀…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\n lines\tand  blanks ", "two lines and blanks"),
        ("paid \u202e000 1\u202c out", "paid 000 1 out"),
        ("null\x00 and broken \ud800", "null and broken"),
        ("zero\u200bwidth", "zerowidth"),
        ("שלום 12", "\u2068שלום 12\u2069"),
        ("", ""),
    ],
)
def test_text_from_outside_cannot_bend_the_line(text: str, shown: str) -> None:
    assert figures.outside(text, 40) == shown


@settings(deadline=None)
@given(st.text(), st.integers(min_value=4, max_value=60))
def test_text_from_outside_keeps_to_its_room(text: str, limit: int) -> None:
    assert figures.utf16(figures.outside(text, limit)) <= limit


def test_quoted_text_is_no_markup() -> None:
    assert figures.quoted("<b>5 > 4 & 3</b>", 40) == "&lt;b&gt;5 &gt; 4 &amp; 3&lt;/b&gt;"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("for 1 h 30 min, then", "for 1\u00a0h 30\u00a0min, then"),
        ("limit 0.3 %). 86 ms", "limit 0.3\u00a0%). 86\u00a0ms"),
        ("BTC/USDT ≈ 2\u202f490 USDT · sent", "BTC/USDT ≈\u00a02\u202f490\u00a0USDT · sent"),
        ("BUY FOOBAR ≈ 100\nmain", "BUY FOOBAR ≈\u00a0100\nmain"),
        ("revision 2 means sides 3 hours apart", "revision 2 means sides 3 hours apart"),
    ],
)
def test_a_number_and_its_unit_stay_on_one_line(text: str, sent: str) -> None:
    assert figures.unbroken(text) == sent


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Ana approved 14:31:22 · Bob", "Ana approved 14:31:22 Bob"),
        ("· LIVE ·", "LIVE"),
        ("Gal·la", "Gal·la"),
    ],
)
def test_nobody_adds_a_part_to_a_line_of_ours(written: str, shown: str) -> None:
    assert figures.outside(written, 64) == shown


def test_figure_inside_of_a_reason_stays_on_one_line() -> None:
    reason = f"{figures.figure(Decimal(54000))} is\u2003 over \n{figures.figure(Decimal(1000))}{THIN}{THIN} "

    assert figures.outside(reason, 64) == f"54{THIN}000 is over 1{THIN}000"


def test_digits_of_the_journal_are_written_as_people_read_them() -> None:
    assert (
        plain(figures.read_aloud("0.0415 at 60009.8, 1200 left"))
        == "0.0415 at 60 009.8, 1 200 left"
    )


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0, "14:30:10"),
        (11.9, "02:24:10"),
        (12, "Sat 21 Nov 2026, 02:30:10"),
        (-20, "Thu 19 Nov 2026, 18:30:10"),
    ],
)
def test_moment_of_another_half_day_has_its_day(hours: float, said: str) -> None:
    seen = datetime(2026, 11, 20, 14, 30, 10, tzinfo=UTC)

    assert figures.moment(seen + timedelta(hours=hours), UTC, seen=seen) == said
