"""Why a venue could not be reached: the words that an operator acts on."""

import socket
import ssl

import pytest

from genesis.exchange.reachability import why_unreachable


def refused_certificate(code: int, message: str) -> ssl.SSLCertVerificationError:
    """Return what OpenSSL's refusal of a certificate becomes."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def wrapped(error: Exception) -> OSError:
    """Wrap an error as libraries do: behind another, in a group, behind a third."""
    group = ExceptionGroup("multiple connection attempts failed", [ValueError("x"), error])
    middle = OSError("All connection attempts failed")
    middle.__cause__ = group
    outer = OSError("All connection attempts failed")
    outer.__context__ = middle
    return outer


CASES = [
    pytest.param(
        refused_certificate(62, "Hostname mismatch, certificate is not valid for 'x'."),
        "certificate refused: Hostname mismatch, certificate is not valid for 'x'",
        id="another host",
    ),
    pytest.param(
        refused_certificate(10, "certificate has expired"),
        "certificate refused: certificate has expired",
        id="expired",
    ),
    pytest.param(
        refused_certificate(19, "self-signed certificate in certificate chain"),
        "certificate refused: self-signed certificate in certificate chain; if its authority is to "
        "be believed, name it in exchange.ca_file",
        id="unknown authority",
    ),
    pytest.param(
        ssl.SSLCertVerificationError(1, "no certificate"),
        "certificate refused: no certificate",
        id="refused by Python",
    ),
    pytest.param(
        ssl.SSLError(1, "wrong version number"),
        "TLS handshake failed: wrong version number",
        id="no TLS",
    ),
    pytest.param(
        socket.gaierror(-2, "Name or service not known"),
        "host name not resolved: Name or service not known",
        id="no such name",
    ),
    pytest.param(
        ConnectionRefusedError(111, "x"), "connection refused: nothing listens there", id="refused"
    ),
    pytest.param(
        ConnectionResetError(),
        "connection reset: the other side ended it without a word",
        id="reset",
    ),
]


@pytest.mark.parametrize(("error", "reason"), CASES)
def test_the_cause_is_named_however_deep_it_lies(error: OSError, reason: str) -> None:
    """Alone, or behind what the libraries between made of it."""
    assert why_unreachable(error) == reason
    assert why_unreachable(wrapped(error)) == reason


def test_a_refused_certificate_outweighs_the_handshake_that_it_ended() -> None:
    """Of several causes the one that an operator must look at is told."""
    error = ssl.SSLError(1, "handshake failure")
    error.__context__ = refused_certificate(10, "certificate has expired")
    assert why_unreachable(error) == "certificate refused: certificate has expired"


def test_anything_else_speaks_for_itself() -> None:
    """Or is called by its name, where it says nothing."""
    assert why_unreachable(OSError("no route to host")) == "no route to host"
    assert why_unreachable(TimeoutError()) == "TimeoutError"


def test_causes_in_a_circle_end() -> None:
    """Python does not forbid them."""
    one, other = OSError("one"), OSError("other")
    one.__context__, other.__context__ = other, one
    assert why_unreachable(one) == "one"
