"""How an engine is told that the simulated venue is the real one: mode `live`, on loopback."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.venue import API_KEY, PRIVATE_KEY, endpoints_of

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DEADLINE_S: Final = 50
"""One generous deadline for a command to end."""


class Ended(NamedTuple):
    """What a command that has ended printed, and its exit code."""

    exit_code: int
    output: str
    errors: str


def write_key_file(folder: Path) -> Path:
    """Write the key that the venue knows, as its owner keeps it."""
    pem = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = folder / "key.toml"
    path.touch(mode=0o600)
    path.write_text(f'api_key = "{API_KEY}"\nprivate_key = """\n{pem}"""\n')
    return path


def live_overrides(address: str, folder: Path) -> tuple[str, ...]:
    """Return settings for trading live on the venue at `address`; what they name is in `folder`."""
    endpoints = endpoints_of(address)
    return (
        "mode=live",
        f"exchange.rest_url={endpoints.rest_url}",
        f"exchange.ws_api_url={endpoints.ws_api_url}",
        f"exchange.streams_url={endpoints.streams_url}",
        f"credentials.key_file={write_key_file(folder)}",
        f"account_locks_dir={folder / 'locks'}",
        f"strategies.symbols={json.dumps(SYMBOLS)}",
        f"state_dir={folder / 'state'}",
    )


async def start_genesis(
    *words: str, overrides: Sequence[str], stdin: int = asyncio.subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    """Start the program as from a command line, with each of `overrides` set."""
    settings = [word for override in overrides for word in ("--set", override)]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "genesis", *words, *settings),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Wait for the end of a program."""
    async with asyncio.timeout(DEADLINE_S):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, output.decode(), errors.decode())
