"""The error tree: what a caller may do about an error is its place in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution import errors
from execution.errors import (
    BadSignal,
    Corrupt,
    CountersignError,
    Duplicate,
    NotAllowed,
    NotPossible,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    StoreUnavailable,
    Told,
    VenueError,
    VenueMisconfigured,
    VenueRefused,
    VenueUnavailable,
)

TOLD = {BadSignal, NotAllowed, NotPossible, Duplicate}
OF_A_VENUE = {
    NotSent,
    VenueRefused,
    OutcomeUnknown,
    VenueUnavailable,
    VenueMisconfigured,
    OrderUnknown,
}
NEITHER = {StoreUnavailable, Corrupt}


def below(kind: type[CountersignError]) -> set[type[CountersignError]]:
    """What stands under an error in this module; other modules and tests have some of their own."""
    return {one for one in kind.__subclasses__() if one.__module__ == errors.__name__}


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert below(Told) == TOLD
    assert below(VenueError) == OF_A_VENUE
    assert below(CountersignError) == NEITHER | {Told, VenueError}


def test_every_error_stands_in_the_drawing() -> None:
    drawn = errors.__doc__ or ""

    for kind in {CountersignError, Told, VenueError} | TOLD | OF_A_VENUE | NEITHER:
        assert f" {kind.__name__} " in drawn or f" {kind.__name__}\n" in drawn


@pytest.mark.parametrize(
    "kind", sorted((TOLD | OF_A_VENUE | NEITHER) - {BadSignal}, key=lambda kind: kind.__name__)
)
def test_an_error_without_a_message_says_what_it_means(kind: type[CountersignError]) -> None:
    assert str(kind()) == kind.__doc__
    assert str(kind("MARKET_LOT_SIZE")) == "MARKET_LOT_SIZE"


def test_an_error_without_a_docstring_says_its_name() -> None:
    class Unheard(CountersignError):
        pass

    assert str(Unheard()) == "Unheard"


def test_a_bad_signal_names_its_field() -> None:
    error = BadSignal("price", "price is a number above zero.")

    assert (error.field, str(error)) == ("price", "price is a number above zero.")


def test_an_unavailable_venue_may_say_when_to_come_back() -> None:
    assert VenueUnavailable().retry_after is None
    assert VenueUnavailable(retry_after=timedelta(seconds=7)).retry_after == timedelta(seconds=7)
