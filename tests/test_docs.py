"""The tables of docs/ against the code they describe, so that neither can change alone."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from bot.settings import Settings, load_settings, sections
from bot.settings.load import CONFIG, ENVIRONMENT_ONLY, HOST_VARIABLES
from bot.settings.values import refuse_unbuilt
from bot.sources.signal import READERS
from execution import approval, orders
from execution.types import TradingState
from tests.markdown import DOCS, PAGES, ROOT, Page, code_of

SECTIONS: dict[str, type[BaseModel]] = {
    "[general]": sections.General,
    "[telegram]": sections.TelegramSettings,
    "[people]": sections.People,
    "[web]": sections.Web,
    "[database]": sections.Database,
    "[vault]": sections.VaultSettings,
    "[venues.NAME]": sections.VenueSettings,
    "[sources.NAME]": sections.SourceSettings,
    "[risk]": sections.Risk,
    "[sizing]": sections.Sizing,
    "[approval]": sections.Approval,
    "[[approval.rules]]": sections.RuleSettings,
    "[approval.rules.when]": sections.RuleCondition,
    "[execution]": sections.Execution,
    "[watchdog]": sections.Watchdog,
}
ENVIRONMENT_FIELDS = {"allow_live", "master_key"}
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


@pytest.mark.parametrize("heading", SECTIONS)
class TestSettings:
    def test_every_key_has_one_row(self, heading: str) -> None:
        assert [key for key, _, _ in setting_rows(heading)] == [*SECTIONS[heading].model_fields]

    def test_every_default_is_the_one_in_the_code(self, heading: str) -> None:
        for key, default, _ in setting_rows(heading):
            field = SECTIONS[heading].model_fields[key]
            if field.is_required():
                assert default in {"must be given", "`rule <n>`"}, key
            elif default in {"none", "off"}:
                assert field.default is None, key
            else:
                (written,) = code_of(default)
                assert as_read(field, written) == field.default, key

    def test_what_is_not_built_is_marked(self, heading: str) -> None:
        for key, _, meaning in setting_rows(heading):
            field = SECTIONS[heading].model_fields[key]
            unbuilt = any(getattr(m, "func", None) is refuse_unbuilt for m in field.metadata)
            assert (meaning == "Not built yet") == unbuilt, key

    def test_what_has_no_effect_is_marked(self, heading: str) -> None:
        """A key that nothing looks up changes nothing."""
        for key, _, meaning in setting_rows(heading):
            if "not built yet" in meaning.lower():
                continue
            assert (meaning == "No effect yet") == (not is_looked_up(key)), key

    def test_what_belongs_in_the_environment_is_marked(self, heading: str) -> None:
        table = heading.strip("[]").replace("NAME", "x")
        for key, _, meaning in setting_rows(heading):
            secret = ENVIRONMENT_ONLY.fullmatch(f"{table}.{key}") is not None
            assert meaning.startswith("Secret") == secret, key


def test_every_section_of_the_settings_has_a_table() -> None:
    documented = {re.split(r"[.\]]", heading.lstrip("["))[0] for heading in SECTIONS}

    assert documented == set(Settings.model_fields) - ENVIRONMENT_FIELDS
    assert DOCS["settings"].text.count("| key | default | meaning |") == len(SECTIONS)


def test_every_variable_outside_the_pattern_is_listed() -> None:
    rows = DOCS["settings"].table("## In the environment only", "variable")
    known = {f"COUNTERSIGN_{name.upper()}" for name in ENVIRONMENT_FIELDS}

    assert {name.strip("`") for name, _ in rows} == known | {CONFIG, *HOST_VARIABLES}


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page in PAGES for block in page.blocks("toml")],
    ids=lambda value: value.path.stem if isinstance(value, Page) else "toml",
)
def test_every_toml_block_loads(page: Page, block: str, tmp_path: Path) -> None:
    (tmp_path / "countersign.toml").write_text(block)
    sources = tomllib.loads(block).get("sources", {})
    secrets = {f"COUNTERSIGN_SOURCES__{name.upper()}__SECRET": SECRET for name in sources}

    settings = load_settings(None, secrets, tmp_path)

    assert settings.venues


@pytest.mark.parametrize("block", DOCS["operations"].blocks("dotenv"))
def test_every_env_block_of_the_operations_page_loads(block: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(block)

    settings = load_settings(None, {}, tmp_path)

    assert settings.database.url == "sqlite:////data/countersign.db"
    assert settings.master_key is not None


@pytest.mark.parametrize(
    ("heading", "moves"), [("## A ticket", approval.MOVES), ("## An order", orders.MOVES)]
)
def test_the_moves_are_those_of_the_code(
    heading: str, moves: Mapping[StrEnum, frozenset[StrEnum]]
) -> None:
    rows = DOCS["order-life"].table(heading, "state")

    written = {state.strip("`"): set(code_of(to)) for state, _, to in rows}

    assert written == {str(state): {str(to) for to in tos} for state, tos in moves.items()}
    assert len(rows) == len(moves)


def test_every_refusal_code_has_one_row() -> None:
    rows = DOCS["refusals"].table("# Refusal codes", "code")
    documented = [code.strip("`") for code, *_ in rows]
    raised = {*codes_in_source()}

    assert len(raised) > 25
    assert sorted(documented) == sorted(raised)


def test_every_field_of_a_signal_has_one_row() -> None:
    rows = DOCS["http"].table("### Fields of a signal", "field")

    assert sorted(field.strip("`") for field, _ in rows) == sorted(READERS)


def setting_rows(heading: str) -> list[tuple[str, str, str]]:
    rows = DOCS["settings"].table(f"## {heading}", "key")
    return [(key.strip("`"), default, meaning) for key, default, meaning in rows]


def as_read(field: FieldInfo, written: str) -> object:
    """What a key's own readers make of a value as it would stand in the file."""
    value = tomllib.loads(f"value = {written}", parse_float=Decimal)["value"]
    kind: Any = Annotated[(field.annotation, "as declared", *field.metadata)]
    return TypeAdapter(kind).validate_python(value)


def is_looked_up(key: str) -> bool:
    sources = (path.read_text("utf-8") for path in ROOT.glob("bot/**/*.py"))
    return any(re.search(rf"\.{key}\b", source) for source in sources)


def codes_in_source() -> Iterator[str]:
    """Every code that a refusal is made with, and the trading states that are codes themselves."""
    yield from (state.upper() for state in TradingState if state is not TradingState.ACTIVE)
    for path in ROOT.glob("execution/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in REFUSING:
                given = [*node.args, *(word.value for word in node.keywords if word.arg == "code")]
                if given and isinstance(given[0], ast.Constant):
                    yield str(given[0].value)


REFUSING = {"Refusal", "_refusal", "_full"}
