"""Settings as a TOML document that explains itself, and that reads back as the same settings."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from genesis.config import Settings

_COLUMNS: Final = 96
_NO_DESCRIPTION: Final = ""


def settings_document(settings: Settings) -> str:
    """Return the document. A setting that is none is a comment, as TOML has no word for it."""
    return "\n".join(_section_lines(settings, ())) + "\n"


def _section_lines(section: BaseModel, path: tuple[str, ...]) -> Iterator[str]:
    nested: list[tuple[str, BaseModel]] = []
    for name, field in type(section).model_fields.items():
        value: object = getattr(section, name)
        if isinstance(value, BaseModel):
            nested.append((name, value))
            continue
        yield from _comment(field.description or _NO_DESCRIPTION)
        yield f"# {name} =" if value is None else f"{name} = {_toml_value(value)}"
    for name, inner in nested:
        yield ""
        yield from _comment(" ".join((type(inner).__doc__ or _NO_DESCRIPTION).split()))
        yield f"[{'.'.join((*path, name))}]"
        yield from _section_lines(inner, (*path, name))


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _COLUMNS):
        yield f"# {line}"


def _toml_value(value: object) -> str:
    """Write one value. Money is text, so that it stays exact."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str() | Path() | Decimal():
            return json.dumps(str(value), ensure_ascii=False)
        case BaseModel():
            return _toml_value(dict(value))
        case Mapping():
            pairs = (f"{json.dumps(key)} = {_toml_value(entry)}" for key, entry in value.items())
            return f"{{{', '.join(pairs)}}}"
        case tuple():
            return f"[{', '.join(map(_toml_value, value))}]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
