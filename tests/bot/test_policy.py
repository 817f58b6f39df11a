"""`countersign policy test`: what past tickets would have met under other rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot import policy
from bot.cli import app
from bot.parts import Ids
from bot.settings import Settings, SettingsError, load_approval
from bot.terminal import Report
from execution.approval import DEFAULT_RULE, Rule, fingerprint
from execution.errors import StoreUnavailable
from execution.events import EventKind
from execution.store import Store, Transaction
from execution.types import Refusal
from tests.clock import Clock
from tests.databases import new_database
from tests.desk import SECRETS, TOML, settings_in
from tests.execution.builders import NOW, terms
from tests.execution.rows import stored

D = Decimal


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_in(tmp_path)
    new_database(tmp_path / "countersign.db")
    return made


@pytest.fixture
def past(settings: Settings) -> Iterator[Store]:
    """A database with nothing in it yet, at NOW."""
    made = Store(settings.database.url, journal_key=b"k", clock=Clock(NOW), new_id=Ids())
    yield made
    made.close()


def made(past: Store, id: str, value: str = "100", state: str = "done", **changes: Any) -> None:
    """A past ticket of this value under the default rule."""
    given = {"terms": terms(value=D(value)), "decided_at": NOW} | changes
    past.write_now(lambda tx: stored(tx, state, id=id, **given))


def tried(settings: Settings, rules: str, *, last: int = 1000) -> Report:
    """What the past would have met under these rules."""
    file = settings.path.with_name("other.toml")
    file.write_text(rules)
    said: list[str] = []
    return policy.test(settings, load_approval(file, settings), last=last, say=said.append)


def verdicts(report: Report) -> dict[str, str]:
    """The verdict on each ticket."""
    return {ticket["ticket"]: ticket["verdict"] for ticket in report.json["tickets"]}


LARGE = "[[approval.rules]]\nname = 'large'\nwhen = { notional_from = 100 }\nrequired = 2\n"


def test_what_would_need_more_is_shown_with_what_it_met(settings: Settings, past: Store) -> None:
    made(past, "01A", "99.99")
    made(past, "01B", "100")
    report = tried(settings, LARGE)

    assert verdicts(report) == {"01A": "same", "01B": "more"}
    head, row, *summary = [line for line in report.text.splitlines() if line]
    assert head.split()[:3] == ["made", "ticket", "source"]
    assert "default: 1 approval" in row
    assert "large: 2 approvals" in row
    assert row.endswith("need more")
    assert summary[0] == "2 tickets: 1 as before, 1 need more."
    assert report.json["summary"] == {"same": 1, "more": 1, "less": 0, "refused": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("required = 0", "less"),
        ("veto_window = '60s'", "less"),
        ("required = 1", "same"),
        ("required = 2", "more"),
        ("block = true", "more"),
    ],
)
def test_each_kind_of_rule_is_weighed(
    settings: Settings, past: Store, rule: str, verdict: str
) -> None:
    made(past, "01A")

    assert verdicts(tried(settings, f"[[approval.rules]]\n{rule}\n")) == {"01A": verdict}


def test_a_ticket_that_was_edited_is_compared_with_what_it_met_first(
    settings: Settings, past: Store
) -> None:
    def work(tx: Transaction) -> None:
        rule = Rule(name="quiet", veto_window=timedelta(seconds=60))
        mark = fingerprint(terms(), rule=rule, required=1)
        stored(tx, "done", id="01A", revision=2, rule="quiet", decided_at=NOW, fingerprint=mark)
        tx.journal.add(
            EventKind.TICKET_PENDING,
            NOW,
            ticket="01A",
            rule="quiet",
            required=1,
            veto_window_s=60.0,
        )

    past.write_now(work)
    (ticket,) = tried(settings, "[[approval.rules]]\nrequired = 1\n").json["tickets"]

    assert ticket["met"] == {
        "rule": "quiet", "required": 1, "veto_window_s": 60.0, "block": False,
    }  # fmt: skip
    assert ticket["verdict"] == "more"


def test_what_was_refused_and_what_had_no_terms_is_counted_apart(
    settings: Settings, past: Store
) -> None:
    nothing: dict[str, Any] = {"rule": "", "fingerprint": "", "decided_at": NOW}
    limit, blocked = (Refusal(code=code, text="") for code in ("MAX_OPEN_ORDERS", "BLOCKED"))
    made(past, "01A", state="refused", refusals=(limit,), **nothing)
    made(past, "01B", state="refused", refusals=(blocked,), **nothing)
    made(past, "01C", state="refused", refusals=(limit,), **nothing | {"terms": None})
    report = tried(settings, LARGE)

    assert verdicts(report) == {"01A": "refused", "01B": "less", "01C": "unknown"}
    assert "1 refused before any rule, 1 never had terms" in report.text


def test_the_hour_and_the_day_of_each_ticket_are_its_own(settings: Settings, past: Store) -> None:
    rules = (
        "[[approval.rules]]\nname = 'noon'\nwhen = { hours = 'Mon 12:00-12:01' }\nrequired = 2\n"
        "[[approval.rules]]\nname = 'day'\nwhen = { rolling_24h_from = 250 }\nrequired = 2\n"
    )
    for at, id in enumerate(("01A", "01B", "01C")):
        moment = NOW + timedelta(hours=at)
        made(past, id, created_at=moment, decided_at=moment)
    met = {t["ticket"]: t["would_meet"]["rule"] for t in tried(settings, rules).json["tickets"]}

    assert met == {"01A": "noon", "01B": DEFAULT_RULE.name, "01C": "day"}


def test_rules_that_nothing_meets_are_named(settings: Settings, past: Store) -> None:
    made(past, "01A")
    doge = "[[approval.rules]]\nname = 'doge'\nwhen = { symbols = ['DOGE/USDT'] }\nblock = true\n"

    report = tried(settings, doge)
    assert report.json["idle_rules"] == ["doge"]
    assert "Rules that none of them meets: doge." in report.text


def test_only_so_many_of_the_newest_are_read_in_pages(settings: Settings, past: Store) -> None:
    for number in range(450):
        made(past, f"{number:04d}")
    file = settings.path.with_name("other.toml")
    file.write_text(LARGE)
    said: list[str] = []
    other = load_approval(file, settings)

    some = policy.test(settings, other, last=401, say=said.append)
    assert [t["ticket"] for t in some.json["tickets"]] == [f"{n:04d}" for n in range(449, 48, -1)]
    assert said == ["200 tickets read", "400 tickets read"]
    assert len(policy.test(settings, other, last=1000, say=said.append).json["tickets"]) == 450


def test_nothing_is_written(settings: Settings, past: Store) -> None:
    made(past, "01A")
    head = past.read_now(lambda tx: tx.journal.head())
    tried(settings, LARGE)

    assert past.read_now(lambda tx: tx.journal.head()) == head


def test_without_a_database_it_says_so_and_makes_none(tmp_path: Path) -> None:
    empty = settings_in(tmp_path)

    with pytest.raises(StoreUnavailable, match="no database"):
        tried(empty, LARGE)
    assert not (tmp_path / "countersign.db").exists()


class TestTheFile:
    def test_people_and_general_are_those_of_the_file_where_it_has_them(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        file = tmp_path / "other.toml"
        file.write_text("[general]\ntimezone = 'Europe/Madrid'\n[people]\nowners = [7]\n[approval]")
        other = load_approval(file, settings)
        assert (other.people.owners, str(other.general.timezone)) == ((7,), "Europe/Madrid")

        file.write_text(LARGE + "[venues.main]\nexchange = 'nowhere'")
        assert load_approval(file, settings).people == settings.people

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("", "other.toml: has no [approval]; write the rules to be tried there"),
            ("[[approval.rules]]\nname = 'x'", 'the rule "x" has none of them'),
            (LARGE.replace("2", "9"), 'the rule "large" asks for 9 approvals, but 2 people'),
            ("[approval]\nexpire_after = '5m'", "approval.expire_after (other.toml): unknown; the"),
            ("[approval", "other.toml: not TOML"),
        ],
    )
    def test_what_is_wrong_with_it_is_one_line(
        self, settings: Settings, tmp_path: Path, text: str, line: str
    ) -> None:
        file = tmp_path / "other.toml"
        file.write_text(text)

        with pytest.raises(SettingsError) as refused:
            load_approval(file, settings)
        assert line in str(refused.value)
        assert "\n" not in str(refused.value)


class TestCommand:
    def run(self, settings: Settings, *words: str) -> Result:
        folder = settings.path.parent
        (folder / "countersign.toml").write_text(TOML)
        environ = SECRETS | {"COUNTERSIGN_DATABASE__URL": settings.database.url}
        where = ["--config", str(folder / "countersign.toml")]
        return CliRunner().invoke(app, ["policy", "test", *words, *where], env=environ)

    def test_it_tells_as_text_and_as_json(self, settings: Settings, past: Store) -> None:
        made(past, "01A")
        file = settings.path.with_name("other.toml")
        file.write_text(LARGE)

        text = self.run(settings, str(file))
        assert text.exit_code == 0
        assert "large: 2 approvals" in text.output
        shown = self.run(settings, str(file), "--json", "--last", "5")
        assert json.loads(shown.stdout)["summary"]["more"] == 1

    @pytest.mark.parametrize(("words", "code"), [(["nowhere.toml"], 2), ([], 2)])
    def test_a_wrong_use_ends_with_two(
        self, settings: Settings, words: list[str], code: int
    ) -> None:
        result = self.run(settings, *words)
        assert result.exit_code == code
        assert "Traceback" not in result.output

    def test_a_missing_database_ends_with_one(self, tmp_path: Path) -> None:
        file = tmp_path / "other.toml"
        file.write_text(LARGE)
        assert self.run(settings_in(tmp_path), str(file)).exit_code == 1
