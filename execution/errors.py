"""Everything that can go wrong, sorted by what the caller must do about it.

    CountersignError
      Told                  say it to the person, change nothing
        BadSignal           the payload is wrong: which field, and the fix
        NotAllowed          this person may not do this
        NotPossible         it cannot be done as things stand: expired, answered, halted
        Duplicate           the same thing was already received
      VenueError            what a venue call ended in
        VenueMisconfigured  its settings can never work: stop, and say which
        NotSent             it certainly did not reach the venue: try again, same id
        VenueRefused        the venue's definite no
        OutcomeUnknown      it may or may not have happened: look it up, never send again
        VenueUnavailable    a read did not work: try later
          KeyRefused        it answers, and takes nothing that we sign: its key, rights or time
        OrderUnknown        the venue does not know that order: one vote for absence, no proof
      StoreUnavailable      nothing was stored: try later, tell the sender so
      Corrupt               an invariant does not hold: stop

A class's docstring is its default message.
"""

from __future__ import annotations

from datetime import timedelta


class CountersignError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or type(self).__name__)


class Told(CountersignError):
    """That cannot be done."""


class BadSignal(Told):
    """The signal is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotAllowed(Told):
    """You are not allowed to do this."""


class NotPossible(Told):
    """That is not possible now."""


class Duplicate(Told):
    """This id was already used for something else."""


class VenueError(CountersignError):
    """The venue call failed."""

    def __init__(self, message: str | None = None, *, retry_after: timedelta | None = None) -> None:
        """`retry_after` is how long the venue wants to hear nothing but cancels, where it says so."""
        super().__init__(message)
        self.retry_after = retry_after


class VenueMisconfigured(VenueError):
    """The venue's settings cannot work."""


class NotSent(VenueError):
    """The request did not reach the venue."""


class VenueRefused(VenueError):
    """The venue refused it."""


class OutcomeUnknown(VenueError):
    """The venue did not answer; the order may or may not exist."""


class VenueUnavailable(VenueError):
    """The venue does not answer."""


class KeyRefused(VenueUnavailable):
    """The venue takes nothing that we sign."""


class OrderUnknown(VenueError):
    """The venue does not know this order."""


class StoreUnavailable(CountersignError):
    """The database does not take this now; nothing was stored."""


class Corrupt(CountersignError):
    """The stored state contradicts itself."""
