"""APScheduler's ticks, one line each. It only ticks: every deadline is a column, checked again by
whoever acts on it, so a late or doubled tick does no harm.
"""

from __future__ import annotations

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.daily import Daily
from bot.vetoes import Vetoes
from execution.deadlines import Deadlines
from execution.halting import Halting


def scheduler(
    *, deadlines: Deadlines, halting: Halting, daily: Daily, vetoes: Vetoes
) -> AsyncIOScheduler:
    """All ticks of the worker, not started yet."""
    made = AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    made.add_job(deadlines.expire, "interval", seconds=1, id="expire tickets")
    made.add_job(deadlines.remind, "interval", seconds=1, id="remind at half time")
    made.add_job(halting.take_file, "interval", seconds=1, id="take the HALT file")
    made.add_job(vetoes.watch, "interval", seconds=1, id="watch veto windows")
    made.add_job(deadlines.forget, "interval", hours=1, id="forget old signal keys")
    made.add_job(daily.write, "interval", seconds=10, id="write the day's entry")
    return made
