"""Where settings come from: a TOML file, the environment, the command line; the last one wins.

All faults are found in one pass and told together, each with its place, what was seen there and
what to do about it. Values that may be secrets are never repeated in a message.
"""

import difflib
import functools
import importlib.util
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from genesis import limits
from genesis.config import Settings
from genesis.config_modes import faults_of_mode
from genesis.config_records import RecordsSettings
from genesis.credentials import SECRET_VARIABLES, load_records_password
from genesis.errors import ConfigError
from genesis.redaction import is_secret_name, redact_text

Values: TypeAlias = Mapping[str, object]

VARIABLE_PREFIX: Final = "GENESIS_"
UNSET: Final = "null"
"""The text that puts a setting back to none in a variable or on the command line."""

TAPE_SUFFIXES: Final = (".ndjson", ".ndjson.gz")
_SEEN_CHARS_MAX: Final = 60
_NEAREST_RATIO: Final = 0.6


class _Layer(NamedTuple):
    """The values of one source, and what an operator calls that source."""

    origin: str
    values: Values


class _VariableSettings(BaseSettings, Settings):
    """Tells pydantic-settings how variables name the settings: `GENESIS_RISK__DATA_MAX_AGE_MS`."""

    model_config = SettingsConfigDict(
        env_prefix=VARIABLE_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )


def load_settings(
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read, merge and validate all sources, once.

    Args:
        config_file: TOML; None is no file at all.
        overrides: `section.key=value` of the command line; a list or a table is written as JSON.
        environ: `GENESIS_SECTION__KEY=value` variables; the rest is not looked at.

    Raises:
        ConfigError: Something is wrong. The message has one line per fault, and names them all.
    """
    if not __debug__:
        raise ConfigError(
            "python: assertions are off, and the engine is not safe without them; "
            "start it without -O and without PYTHONOPTIMIZE"
        )
    faults: list[str] = []
    layers = [
        *_file_layer(config_file, faults),
        *_variable_layers(environ, faults),
        *_override_layers(overrides, faults),
    ]
    merged: Values = functools.reduce(_merge, (layer.values for layer in layers), {})
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        faults += [_explain(details, layers) for details in error.errors(include_url=False)]
        raise ConfigError("\n".join(faults)) from None
    faults += faults_of_mode(settings, environ)
    faults += _missing_files(settings)
    faults += _faults_of_records(settings.records, environ)
    if faults:
        raise ConfigError("\n".join(faults))
    return settings


def _file_layer(path: Path | None, faults: list[str]) -> list[_Layer]:
    """Read the file; decimals stay exact, as money needs."""
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            content = file.read(limits.CONFIG_FILE_BYTES_MAX + 1)
        values = tomllib.loads(content.decode(), parse_float=Decimal)
    except OSError as error:
        faults.append(f"{path}: cannot be read: {error.strerror}; name a readable file")
    except UnicodeDecodeError:
        faults.append(f"{path}: is not UTF-8 text; a configuration is written in TOML")
    except ValueError as error:
        faults.append(f"{path}: is not valid TOML: {error}")
    else:
        if len(content) <= limits.CONFIG_FILE_BYTES_MAX:
            return [_Layer(str(path), values)]
        faults.append(f"{path}: is longer than {limits.CONFIG_FILE_BYTES_MAX} bytes")
    return []


def _variable_layers(environ: Mapping[str, str], faults: list[str]) -> Iterator[_Layer]:
    """Read the variables one by one, so that a fault names its variable."""
    for name in sorted(environ):
        if name.startswith(VARIABLE_PREFIX) and name not in SECRET_VARIABLES:
            yield from _variable_layer(name, environ[name], name, faults)


def _override_layers(overrides: Sequence[str], faults: list[str]) -> Iterator[_Layer]:
    """Read `section.key=value` by the same rules as the variable of the same name."""
    for override in overrides:
        dotted, equals, value = override.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9_.]+", dotted):
            faults.append(f"--set {dotted[:_SEEN_CHARS_MAX]}: write it as section.key=value")
            continue
        variable = VARIABLE_PREFIX + dotted.replace(".", "__")
        yield from _variable_layer(variable, value, f"--set {dotted}", faults)


def _variable_layer(name: str, value: str, origin: str, faults: list[str]) -> list[_Layer]:
    key = name.removeprefix(VARIABLE_PREFIX).lower()
    section = key.partition("__")[0]
    if section not in Settings.model_fields:
        faults.append(f"{origin}: unknown key {section!r}; {_nearest(section, Settings)}")
        return []
    if value == UNSET:
        *outer, last = key.split("__")
        unset: Values = {last: None}
        for part in reversed(outer):
            unset = {part: unset}
        return [_Layer(origin, unset)]
    source = EnvSettingsSource(_VariableSettings)
    source.env_vars = {VARIABLE_PREFIX.lower() + key: value}
    try:
        return [_Layer(origin, source())]
    except SettingsError:
        faults.append(f"{origin}: is not JSON; a list or a table is written as JSON here")
        return []


def _merge(lower: Values, higher: Values) -> Values:
    merged = dict(lower)
    for key, value in higher.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def _explain(details: ErrorDetails, layers: Sequence[_Layer]) -> str:
    """Turn one of pydantic's findings into a line that an operator can act on."""
    path = tuple(details["loc"])
    dotted = ".".join(str(part) for part in path) or "settings"
    place = f"{dotted}{_origin(path, layers)}"
    name = str(path[-1]) if path else ""
    if details["type"] == "extra_forbidden":
        if is_secret_name(name):
            return (
                f"{place}: a secret is not a setting; write it to a file of mode 0600 and name "
                "that file in credentials.key_file"
            )
        return f"{place}: unknown key; {_nearest(name, _model_at(path[:-1]))}"
    if details["type"] == "missing":
        return f"{place}: is missing; it has no default"
    remedy = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if isinstance(details["input"], BaseModel | Mapping) or is_secret_name(name):
        return f"{place}: {remedy}"
    seen = repr(details["input"])
    if isinstance(details["input"], Decimal):
        seen = str(details["input"])
    seen = redact_text(seen)  # a URL may hold a password
    return f"{place}: is {seen[:_SEEN_CHARS_MAX]}; {remedy[:1].lower()}{remedy[1:]}"


def _origin(path: Sequence[int | str], layers: Sequence[_Layer]) -> str:
    """Name the source that decided the value at `path`, or nothing if it is a default."""
    for layer in reversed(layers):
        value: object = layer.values
        for part in path:
            value = _entry(value, part)
            if value is None:
                break
        else:
            return f" ({layer.origin})"
    return ""


def _entry(value: object, part: int | str) -> object:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int):
        return value[part] if part < len(value) else None
    return None


def _model_at(path: Sequence[int | str]) -> type[BaseModel]:
    """Return the model whose fields are the keys at `path`; the path has been validated so far."""
    model: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _nearest(name: str, model: type[BaseModel]) -> str:
    names = list(model.model_fields)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=_NEAREST_RATIO)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(names)}"


def _faults_of_records(records: RecordsSettings, environ: Mapping[str, str]) -> Iterator[str]:
    """Find what keeps a server of records from being reached, before anything has started."""
    if records.url is None:
        if records.password_file is not None:
            yield "records.password_file: is of no use without records.url; name the server"
        return
    if importlib.util.find_spec("psycopg") is None:
        yield "records.url: PostgreSQL needs its driver: pip install 'genesis-trading[postgres]'"
    try:
        load_records_password(records.password_file, environ)
    except ConfigError as error:
        yield str(error)


def _missing_files(settings: Settings) -> Iterator[str]:
    """Find files that the settings name and that cannot be read."""
    venue, tape = settings.venue, settings.market.path
    for name, path, remedy in (
        ("exchange.ca_file", settings.exchange.ca_file, "a PEM file of certificate authorities"),
        ("venue.tls_certificate", venue.tls_certificate, "a PEM certificate"),
        ("venue.tls_key", venue.tls_key, "the certificate's private key, PEM"),
        ("market.path", tape, "a file of recorded frames or their directory"),
    ):
        if path is not None and not os.access(path, os.R_OK):
            reason = "cannot be read" if path.exists() else "does not exist"
            yield f"{name}: {path} {reason}; name {remedy}"
    if (
        tape is not None
        and tape.is_dir()
        and not any(file.name.endswith(TAPE_SUFFIXES) for file in tape.iterdir())
    ):
        yield f"market.path: {tape} holds no recorded frames ({' or '.join(TAPE_SUFFIXES)})"
