"""Server-side WebSocket text frames, built once and written to every subscriber (RFC 6455, 5.2)."""

import struct
from typing import Final

_FINAL_TEXT: Final = 0x81
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF
_MEDIUM: Final = struct.Struct("!BBH")
_LONG: Final = struct.Struct("!BBQ")


def text_frame(payload: bytes) -> bytes:
    """Wrap UTF-8 text into one whole, unmasked frame."""
    length = len(payload)
    if length <= _SHORT_MAX:
        return bytes((_FINAL_TEXT, length)) + payload
    if length <= _MEDIUM_MAX:
        return _MEDIUM.pack(_FINAL_TEXT, 126, length) + payload
    return _LONG.pack(_FINAL_TEXT, 127, length) + payload
