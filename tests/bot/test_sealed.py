"""How venue keys are sealed: what opens them, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.sealed import (
    Account,
    DoesNotOpen,
    Label,
    VenueKeys,
    label_of,
    seal,
    unseal,
    unwrap,
    wrap,
    wrap_anew,
)
from bot.settings import SettingsError
from execution.errors import CountersignError
from execution.store.sealed import SealedKeys
from execution.types import Mode

MASTER, OTHER = b"m" * 32, b"n" * 32
KEYS = VenueKeys(api_key="api-key-0123456789", secret="a-secret-nobody-may-see", password="pass")
SANDBOX = Account("main", "binance", Mode.SANDBOX)
LABEL = Label("binance", Mode.SANDBOX, by="cli:ana", added_at=datetime(2026, 11, 21, tzinfo=UTC))
ROW = seal(MASTER, "main", LABEL, KEYS)


def flipped(data: bytes) -> list[bytes]:
    """The same with one byte changed, for each of them."""
    return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]


def refused(row: SealedKeys, account: Account = SANDBOX, master: bytes = MASTER) -> str:
    """The one line that is all that comes of a row."""
    with pytest.raises((DoesNotOpen, SettingsError)) as error:
        unseal(master, row, account)
    line = str(error.value)
    assert "\n" not in line
    assert not any(secret in line for secret in (KEYS.api_key, KEYS.secret))
    return line


def test_what_was_sealed_opens_again_with_its_label() -> None:
    assert unseal(MASTER, ROW, SANDBOX) == KEYS
    assert label_of(ROW) == LABEL


def test_nothing_of_the_keys_is_in_the_row() -> None:
    stored = ROW.label + ROW.wrapped + ROW.sealed
    for secret in (KEYS.api_key, KEYS.secret, KEYS.password):
        assert secret.encode() not in stored


def test_the_same_keys_are_sealed_otherwise_each_time() -> None:
    again = seal(MASTER, "main", LABEL, KEYS)

    assert again.label == ROW.label
    assert again.sealed != ROW.sealed
    assert again.sealed[:12] != ROW.sealed[:12], "a nonce is used once"
    assert again.wrapped[:12] != ROW.wrapped[:12]


@pytest.mark.parametrize("column", ["label", "wrapped", "sealed"])
def test_a_row_with_any_byte_changed_does_not_open_and_says_what_to_do(column: str) -> None:
    for changed in flipped(getattr(ROW, column)):
        line = refused(ROW.evolve(**{column: changed}))
        assert line.startswith("venues.main: ")
        assert "countersign keys rotate main" in line or "format" in line


@pytest.mark.parametrize("column", ["label", "wrapped", "sealed"])
@pytest.mark.parametrize("size", [0, 1, 12, 27])
def test_a_row_that_was_cut_does_not_open(column: str, size: int) -> None:
    refused(ROW.evolve(**{column: getattr(ROW, column)[:size]}))


def test_a_row_does_not_open_for_another_venue() -> None:
    moved = ROW.evolve(venue="other")

    assert "do not open" in refused(moved, replace(SANDBOX, venue="other"))


@pytest.mark.parametrize("change", [{"mode": Mode.LIVE}, {"exchange": "kraken"}])
def test_a_sandbox_row_is_no_live_one_and_no_other_exchanges(change: dict[str, str]) -> None:
    line = refused(ROW, replace(SANDBOX, **change))  # type: ignore[arg-type]

    assert "the keys in the vault are for binance sandbox" in line
    assert "countersign keys rotate main" in line


@pytest.mark.parametrize("change", [{"mode": Mode.LIVE}, {"exchange": "kraken"}])
def test_a_label_that_was_rewritten_for_another_account_does_not_open_it(
    change: dict[str, str],
) -> None:
    forged = seal(OTHER, "main", replace(LABEL, **change), KEYS).label  # type: ignore[arg-type]

    assert "do not open" in refused(ROW.evolve(label=forged), replace(SANDBOX, **change))  # type: ignore[arg-type]


def test_parts_of_two_rows_do_not_fit() -> None:
    twin = seal(MASTER, "main", LABEL, replace(KEYS, secret="another"))

    refused(ROW.evolve(wrapped=twin.wrapped))
    refused(ROW.evolve(sealed=twin.sealed))


def test_another_master_key_opens_nothing() -> None:
    assert "do not open" in refused(ROW, master=OTHER)


def test_a_row_of_a_later_format_is_named_as_that() -> None:
    later = ROW.evolve(label=ROW.label.replace(b'"format":1', b'"format":2'))

    assert "sealed in format 2, this version reads format 1" in refused(later)


def test_a_new_master_key_wraps_the_row_and_leaves_the_keys_as_they_are() -> None:
    after = wrap_anew(MASTER, OTHER, ROW)

    assert unseal(OTHER, after, SANDBOX) == KEYS
    assert (after.sealed, after.label) == (ROW.sealed, ROW.label)
    refused(after)


@pytest.mark.parametrize("column", ["label", "wrapped", "sealed"])
def test_a_changed_row_is_not_wrapped_anew(column: str) -> None:
    for changed in flipped(getattr(ROW, column))[::7]:
        with pytest.raises(CountersignError, match=r"venues\.main"):
            wrap_anew(MASTER, OTHER, ROW.evolve(**{column: changed}))


def test_a_secret_of_the_desk_opens_for_its_purpose_and_key_alone() -> None:
    sealed = wrap(MASTER, "journal key", b"j" * 32)

    assert unwrap(MASTER, "journal key", sealed) == b"j" * 32
    for master, purpose, data in (
        (OTHER, "journal key", sealed),
        (MASTER, "another", sealed),
        *((MASTER, "journal key", changed) for changed in flipped(sealed)),
    ):
        with pytest.raises(DoesNotOpen, match="What is sealed was changed"):
            unwrap(master, purpose, data)


def test_keys_and_rows_show_nothing_in_a_text() -> None:
    shown = repr(KEYS) + repr(ROW)

    assert KEYS.secret not in shown
    assert KEYS.api_key not in shown
    assert repr(ROW.sealed) not in shown


def test_what_was_sealed_by_the_first_version_still_opens() -> None:
    """Keys that are stored somewhere must open for ever."""
    stored = SealedKeys(
        venue="main",
        label=bytes.fromhex(STORED["label"]),
        wrapped=bytes.fromhex(STORED["wrapped"]),
        sealed=bytes.fromhex(STORED["sealed"]),
    )

    assert unseal(MASTER, stored, SANDBOX) == KEYS


STORED = {
    "label": (
        "7b2265786368616e6765223a2262696e616e6365222c226d6f6465223a2273616e64626f78222c22"
        "6279223a22636c693a616e61222c2261646465645f6174223a22323032362d31312d32315430303a"
        "30303a30305a222c227265706c616365645f6174223a6e756c6c2c22666f726d6174223a317d"
    ),
    "wrapped": (
        "d0b54108cf3dfc497e6a9bac5a96157ef3e7ed3810c5e3a1a3363a67cfd3ea89c4c459e4c9c986bc"
        "7ed79969730b3099f3feb6cae2fe1ed486b877e5"
    ),
    "sealed": (
        "528cec9878c201a750fc642921cbef9dfd3191e83362f95c4bd669a13c7c3b940618ea716897b4bf"
        "e0cc84d04203f0a2d035c5e3b296339ad5c2fc620727d784ba5092759009b8cb781018407ab0fb71"
        "ad5638f9ee2eb3838da69c055ae31a2d34be98b7e2c6c7904d6790dd72652ece89"
    ),
}
