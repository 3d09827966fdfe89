"""What counts as a secret, by the name of a field and by the look of a value."""

import functools
import re
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import SecretBytes, SecretStr

REDACTED: Final = "[redacted]"
_DEPTH_MAX: Final = 6
_SECRET_CHARS_MIN: Final = 8  # the shortest text that holds a secret and the mark that tells it
_NAMES_CACHED: Final = 1024

_SECRET_NAME: Final = re.compile(
    r"(?:^|[_.-])(?:secret|passw(?:or)?d|passphrase|api_?key|apikey|private_?key|signature|token"
    r"|authorization|credential|x-mbx-apikey)$",
    re.IGNORECASE,
)
_SECRET_VALUES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=signature=)[^&\s\"'<>]+"
    r"|(?<=\"signature\":\")[^\"]+"
    r"|(?<=password=)[^&\s\"'<>]+"
    r"|(?<=apiKey=)[^&\s\"'<>]+"
    r"|(?<=\"apiKey\":\")[^\"]+"
    r"|(?<=X-MBX-APIKEY: )\S+"
    r"|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"
    r"|\b[A-Za-z0-9]{64}\b"
    r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==",
    re.IGNORECASE | re.DOTALL,
)


@functools.lru_cache(maxsize=_NAMES_CACHED)
def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name is never shown, whatever it holds."""
    return _SECRET_NAME.search(name) is not None


def redact_text(text: str) -> str:
    """Blank out what looks like a key, a signature, a token or a password in a URL."""
    return text if len(text) < _SECRET_CHARS_MIN else _SECRET_VALUES.sub(REDACTED, text)


def redact(value: object, depth: int = 0) -> object:
    """Return `value` with secrets blanked out, looking into mappings, lists and tuples.

    Nesting deeper than a log line has any use for is blanked out whole.
    """
    match value:
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode(errors="replace"))
        case SecretStr() | SecretBytes():
            return REDACTED
        case Mapping() | list() | tuple() | set() | frozenset():
            return REDACTED if depth >= _DEPTH_MAX else _redact_entries(value, depth + 1)
        case _:
            return value


def _redact_entries(entries: Collection[object], depth: int) -> object:
    if isinstance(entries, Mapping):
        return {
            str(name): REDACTED if is_secret_name(str(name)) else redact(value, depth)
            for name, value in entries.items()
        }
    return [redact(entry, depth) for entry in entries]
