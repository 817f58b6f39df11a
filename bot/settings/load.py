"""Where settings come from: the environment over `.env` over `countersign.toml`.

The command line calls `load_settings` once, with its own environment. It either returns Settings
that can be used or raises one `SettingsError` of one line; a secret's value is in neither.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from bot.settings.root import FILE, Settings
from bot.settings.sections import Risk, SettingsError

PREFIX = "COUNTERSIGN_"
CONFIG = "COUNTERSIGN_CONFIG"
HOST_VARIABLES = {"DATABASE_URL": "COUNTERSIGN_DATABASE__URL", "PORT": "COUNTERSIGN_WEB__PORT"}
ENVIRONMENT_ONLY = re.compile(
    r"allow_live|master_key|telegram\.(token|webhook_secret)"
    r"|venues\.[^.]+\.(api_key|secret|password)|sources\.[^.]+\.secret"
)
MEANINGS = {
    "int_type": "not a whole number",
    "int_parsing": "not a whole number",
    "int_from_float": "not a whole number",
    "bool_type": "not true or false",
    "bool_parsing": "not true or false",
    "string_type": "not a text; put it in quotes",
    "tuple_type": "not a list; write [1, 2], in the environment as JSON",
    "dict_type": "not a table; in the environment write it as JSON",
    "model_type": "not a table; in the environment write it as JSON",
    "ip_any_network": "not an address or network; write 10.0.0.0/8",
    "too_short": "an empty list would refuse everything; remove the key to switch it off",
}

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Variable:
    """One setting given by the environment: as it was named there, and its text."""

    shown: str
    text: str


class Environment(EnvSettingsSource):
    """Reads the variables it is given, not the process's; numbers in JSON stay exact."""

    def __init__(self, variables: Mapping[KeyPath, Variable]) -> None:
        self._texts = {
            f"{PREFIX}{'__'.join(path)}".lower(): variables[path].text
            for path in sorted(variables, key=len)
        }
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._texts

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Lists and tables are JSON; any other text is for the setting's own reader."""
        if not str(value).lstrip().startswith(("[", "{")):
            return value
        try:
            return json.loads(value, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            return value


def load_settings(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read, order and check every setting.

    Args:
        config: the file named on the command line; else COUNTERSIGN_CONFIG, else the one in `cwd`.
        environ: the process environment; an empty variable counts as not given.
        cwd: the working directory, where `.env` is looked for.

    Raises:
        SettingsError: something is missing, unknown, unreadable or contradictory.
    """
    dotenv = _read_dotenv(cwd / ".env")
    named = config or environ.get(CONFIG) or dotenv.get(CONFIG)
    path = cwd / (named or FILE)
    table = _read_toml(path, required=bool(named))
    variables = _variables(dotenv, " in .env") | _variables(environ, "")
    for key in _misplaced(table):
        raise SettingsError(
            f"{key} ({path.name}): does not belong in a file; move it to {_variable_for(key)} in"
            " the environment or .env"
        )
    given = _merge(table, variables)
    if (environ.get("PORT") or dotenv.get("PORT")) and isinstance(given.get("web"), dict):
        given["web"].setdefault("host", "0.0.0.0")  # noqa: S104  # where hosts expect us
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error, given, table, variables, path)) from None
    settings._path = path
    return settings


def load_approval(path: Path, base: Settings) -> Settings:
    """Settings with the [approval] of another file, and its [people] and [general] if it has them.

    Raises:
        SettingsError: it cannot be read, has no [approval], or one that cannot be used.
    """
    table = _read_toml(path, required=True)
    if "approval" not in table:
        raise SettingsError(f"{path}: has no [approval]; write the rules to be tried there")
    given: dict[str, Any] = {"people": base.people, "general": base.general}
    given |= {name: table[name] for name in ("approval", "people", "general") if name in table}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error, given, table, {}, path)) from None


def load_limit(key: str, typed: str) -> Risk:
    """A `[risk]` with this key alone, as somebody typed it: lists in words or as JSON, quotes or none.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return Risk(**{key: _typed(key, typed.strip())})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"The limit {_key(detail)}: {_meaning(detail, key)}") from None


def _typed(key: str, text: str) -> object:
    annotation = Risk.model_fields[key].annotation
    is_list = any(get_origin(kind) is tuple for kind in _kinds(annotation))
    if not is_list:
        return text.strip("\"'\u201c\u201d")
    if not text.startswith("["):
        return re.split(r"[\s,]+", text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _kinds(annotation: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise SettingsError(f"{path}: not TOML: UTF-8 text and ordinary numbers only") from None


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: text for name, text in dotenv_values(path, interpolate=False).items() if text}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise SettingsError(f"{path}: not UTF-8 text") from None


def _variables(layer: Mapping[str, str], suffix: str) -> dict[KeyPath, Variable]:
    named = {ours: name for name, ours in HOST_VARIABLES.items()}
    named |= {name: name for name in layer if name.startswith(PREFIX) and layer[name]}
    named.pop(CONFIG, None)
    return {
        tuple(ours.removeprefix(PREFIX).lower().split("__")): Variable(name + suffix, layer[name])
        for ours, name in named.items()
        if layer.get(name)
    }


def _variable_for(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _misplaced(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _misplaced(value, f"{prefix}{name}.")
        elif value != "" and ENVIRONMENT_ONLY.fullmatch(prefix + name):
            yield prefix + name


def _merge(table: Mapping[str, Any], variables: Mapping[KeyPath, Variable]) -> dict[str, Any]:
    """The file's table with each variable put in its place; what is unknown stays to be told."""
    merged = _copy(table)
    decoded = Environment(variables)()
    for path in sorted(variables, key=len):
        place: Any = merged
        for name in path[:-1]:
            place = place.setdefault(name, {}) if isinstance(place, dict) else place
        if isinstance(place, dict):
            place[path[-1]] = _at(decoded, path, variables[path].text)
    return merged


def _copy(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _copy(value) if isinstance(value, Mapping) else value for name, value in table.items()
    }


def _at(table: Any, path: Iterable[str], missing: Any = None) -> Any:
    for name in path:
        if not isinstance(table, Mapping) or name not in table:
            return missing
        table = table[name]
    return table


def _explain(
    error: ValidationError,
    given: Mapping[str, Any],
    table: Mapping[str, Any],
    variables: Mapping[KeyPath, Variable],
    file: Path,
) -> str:
    """The one line for the first error, a misspelled key before what it leaves missing."""
    details = error.errors(include_url=False, include_input=False)
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    key = _key(first)
    variable = _variable_of(key, table, variables)
    origin = variable.shown if variable else file.name
    if first["type"] != "extra_forbidden":
        return f"{key} ({origin}): {_meaning(first, key)}"
    (nearest, *_) = difflib.get_close_matches(key, [*_known(Settings, given)], n=1, cutoff=0.0)
    if variable:
        nearest = f"{_variable_for(nearest)} ({nearest})"
    return f"{key} ({origin}): unknown; the nearest known key is {nearest}"


def _key(detail: ErrorDetails) -> str:
    """`venues.main.mode`, `approval.rules[0].when`: as one would look for it."""
    key = ""
    for part in detail["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if part != "[key]" else ""
    inner = detail.get("ctx", {}).get("key", "") if detail["type"] == "setting" else ""
    return ".".join(filter(None, (key.removeprefix("."), inner)))


def _meaning(detail: ErrorDetails, key: str) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "missing":
        return f"must be given; write it in [{key.rpartition('.')[0]}]"
    if detail["type"] == "setting" and ENVIRONMENT_ONLY.fullmatch(key):
        return f"{context['text']}; set {_variable_for(key)}"
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] in ("enum", "literal_error"):
        return f"not one of {context['expected']}"
    return MEANINGS.get(detail["type"]) or detail["msg"].replace("Input should", "must")


def _variable_of(
    key: str, table: Mapping[str, Any], variables: Mapping[KeyPath, Variable]
) -> Variable | None:
    """The variable this key's value came from, or that made the table it stands in."""
    path = tuple(key.replace("[", ".").split("."))
    for end in range(len(path), 0, -1):
        if path[:end] in variables:
            return variables[path[:end]]
    for end in range(len(path), 0, -1):
        if _at(table, path[:end]) is not None:
            return None
        for at, variable in variables.items():
            if at[:end] == path[:end]:
                return variable
    return None


def _known(model: type[BaseModel], given: Any, prefix: str = "") -> Iterator[str]:
    """Every key there is, for the venues, sources and rules that were given."""
    for name, field in model.model_fields.items():
        yield prefix + name
        value = given.get(name) if isinstance(given, Mapping) else None
        kinds = (field.annotation, *get_args(field.annotation))
        for inner in kinds:
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
                continue
            if get_origin(field.annotation) is dict:
                for one, content in (value if isinstance(value, Mapping) else {}).items():
                    yield from _known(inner, content, f"{prefix}{name}.{one}.")
            elif get_origin(field.annotation) is tuple:
                for at, content in enumerate(value if isinstance(value, list) else ()):
                    yield from _known(inner, content, f"{prefix}{name}[{at}].")
            else:
                yield from _known(inner, value, f"{prefix}{name}.")
