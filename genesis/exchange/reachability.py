"""Why a venue could not be reached, in words that an operator can act on. Pure."""

import socket
import ssl
from collections.abc import Iterator
from typing import Final

# What OpenSSL says of a chain that ends in an authority that nobody here has heard of.
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})


def why_unreachable(error: BaseException) -> str:
    """Say why a connection could not be made, or was lost.

    Libraries wrap what happened; the innermost cause that is known here is what counts.
    """
    causes = tuple(_causes_of(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_refused(cause)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"TLS handshake failed: {getattr(cause, 'reason', None) or cause}"
        if isinstance(cause, socket.gaierror):
            return f"host name not resolved: {cause.strerror}"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused: nothing listens there"
        if isinstance(cause, ConnectionResetError):
            return "connection reset: the other side ended it without a word"
    return str(error) or type(error).__name__


def _certificate_refused(error: ssl.SSLCertVerificationError) -> str:
    # OpenSSL's errors have these; one that Python itself raised may not.
    message = getattr(error, "verify_message", str(error))
    reason = f"certificate refused: {message.rstrip('.')}"
    if getattr(error, "verify_code", 0) in _UNKNOWN_AUTHORITY:
        return f"{reason}; if its authority is to be believed, name it in exchange.ca_file"
    return reason


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        waiting += [one for one in (cause.__cause__, cause.__context__) if one is not None]
