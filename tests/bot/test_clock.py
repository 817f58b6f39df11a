"""The clock follows the machine's forward, and rides out what sets it back."""

from __future__ import annotations

from datetime import timedelta

from bot.clock import Clock
from tests.clock import NOW

HOUR = timedelta(hours=1)


class Machine:
    """A wall clock that somebody may set, and ticks that nobody can."""

    def __init__(self) -> None:
        self.wall, self.ticks = NOW, 100.0
        self.clock = Clock(lambda: self.wall, lambda: self.ticks)

    def passes(self, seconds: float) -> None:
        self.ticks += seconds
        self.wall += timedelta(seconds=seconds)


def test_it_is_the_machines() -> None:
    machine = Machine()
    assert machine.clock() == NOW
    machine.passes(90)
    assert machine.clock() == NOW + timedelta(seconds=90)


def test_put_forward_it_follows() -> None:
    machine = Machine()
    machine.wall += HOUR
    assert machine.clock() == NOW + HOUR


def test_set_back_it_goes_on_as_time_passes() -> None:
    machine = Machine()
    machine.clock()
    machine.wall -= HOUR
    assert machine.clock() == NOW
    machine.passes(5)
    assert machine.clock() == NOW + timedelta(seconds=5)
    assert machine.clock() == NOW + timedelta(seconds=5)


def test_set_back_by_less_than_a_second_it_stands_until_the_machine_has_caught_up() -> None:
    machine = Machine()
    machine.wall -= timedelta(seconds=0.9)
    assert machine.clock() == NOW
    machine.passes(0.5)
    assert machine.clock() == NOW
    machine.passes(0.5)
    assert machine.clock() == machine.wall == NOW + timedelta(seconds=0.1)


def test_when_the_machine_has_caught_up_it_is_the_machines_again() -> None:
    machine = Machine()
    machine.wall -= HOUR
    machine.passes(10)
    machine.clock()
    machine.wall += 2 * HOUR
    machine.passes(1)
    assert machine.clock() == machine.wall


def test_a_slow_ticker_is_corrected_by_the_wall() -> None:
    machine = Machine()
    machine.wall += timedelta(seconds=10)
    machine.ticks += 9
    assert machine.clock() == machine.wall
