"""`genesis doctor` in mode live, on the simulated venue, as an operator runs it."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest

from genesis.engine.locks import AccountLock
from genesis.venue.config import SIM_ACCOUNT_ID
from genesis.venue.signatures import KeyPermissions, RegisteredKey
from tests.support.certificates import loopback_certificate
from tests.support.live_venue import ended, live_overrides, start_genesis
from tests.support.venue import REGISTERED, model_config, open_venue

# What this machine is like decides neither way: its disk may be slow, its clock not kept in step.
HOST: Final = frozenset({"disk", "disk sync", "clock sync", "memory", "descriptors"})


class Finding(NamedTuple):
    """One run of the doctor: its exit code, and each check's result and words by its name."""

    exit_code: int
    results: dict[str, str]
    seen: dict[str, str]

    def not_ok(self) -> dict[str, str]:
        """Return what was found of the venue that is not well."""
        return {
            name: result
            for name, result in self.results.items()
            if result != "ok" and name not in HOST
        }


async def run_doctor(overrides: Sequence[str]) -> Finding:
    """Run the command in a process of its own, while the venue serves it."""
    doctor = await ended(await start_genesis("doctor", "--json", overrides=overrides))
    assert doctor.errors == ""
    checks = json.loads(doctor.output)["checks"]
    return Finding(
        doctor.exit_code,
        {check["name"]: check["result"] for check in checks},
        {check["name"]: f"{check['seen']} {check['remedy']}" for check in checks},
    )


def key_with(permissions: KeyPermissions) -> tuple[RegisteredKey, ...]:
    return (msgspec.structs.replace(REGISTERED, permissions=permissions),)


async def test_a_good_key_on_a_venue_in_reach_is_fit(tmp_path: Path) -> None:
    """Over TLS by a test authority: all three endpoints, clock, limits, symbols, account, key."""
    certificate = loopback_certificate(tmp_path)
    async with open_venue(model_config(tls=certificate.files)) as (_, address):
        found = await run_doctor(
            (*live_overrides(address, tmp_path), f"exchange.ca_file={certificate.ca_file}")
        )
    assert found.not_ok() == {}
    assert found.exit_code == 0
    for endpoint in ("REST", "WebSocket API", "streams"):
        assert "TLSv1.3, certificate good for" in found.seen[endpoint]
    assert "request_weight" in found.seen["rate limits"]
    assert found.seen["symbols"].startswith("2 listed, all trading")
    assert found.seen["account"].startswith(f"number {SIM_ACCOUNT_ID}, may trade")
    assert found.seen["capital"].startswith("100000.00000000 USDT free, 100000 allotted")
    assert not (tmp_path / "state").exists()


async def test_a_key_that_may_more_than_trade_is_refused_unless_told(tmp_path: Path) -> None:
    """Each excess by its own name, and each accepted by a setting of its own."""
    keys = key_with(KeyPermissions(withdrawals=True, is_ip_bound=False))
    async with open_venue(model_config(keys=keys)) as (_, address):
        overrides = live_overrides(address, tmp_path)
        refused = await run_doctor(overrides)
        told = ("credentials.allow_withdrawals=true", "credentials.allow_any_ip=true")
        accepted = await run_doctor((*overrides, *told))
    assert refused.not_ok() == {"key withdrawals": "fail", "key address": "fail"}
    assert refused.exit_code == 78
    assert accepted.not_ok() == {"key withdrawals": "warn", "key address": "warn"}
    assert accepted.exit_code == 0


async def test_what_would_stop_a_start_is_found_before_it(tmp_path: Path) -> None:
    """A symbol that is not listed, more capital than there is, an account that is traded on."""
    async with open_venue(model_config()) as (_, address):
        overrides = (
            *live_overrides(address, tmp_path),
            'strategies.symbols=["BTCUSDT", "NOSUCHUSDT"]',
            "capital_quote=100001",
        )
        with AccountLock.of_account(tmp_path / "locks", "live", SIM_ACCOUNT_ID):
            found = await run_doctor(overrides)
    assert found.not_ok() == {"symbols": "fail", "account lock": "fail", "capital": "fail"}
    assert found.seen["symbols"].startswith("not listed: NOSUCHUSDT")
    assert found.exit_code == 78


async def test_a_key_that_the_venue_does_not_know_is_told_with_what_to_look_at(
    tmp_path: Path,
) -> None:
    """The venue's code and words, and the usual causes."""
    stranger = msgspec.structs.replace(REGISTERED, api_key="another")
    async with open_venue(model_config(keys=(stranger,))) as (_, address):
        found = await run_doctor(live_overrides(address, tmp_path))
    assert found.not_ok() == {"account": "fail", "key permissions": "fail"}
    assert "bound to this host's address" in found.seen["account"]
    assert found.exit_code == 78


async def test_without_a_key_that_can_be_read_nobody_is_asked(tmp_path: Path) -> None:
    """The key's own fault comes first; what can be asked without it is asked."""
    async with open_venue(model_config()) as (_, address):
        overrides = live_overrides(address, tmp_path)
        (tmp_path / "key.toml").chmod(0o644)
        found = await run_doctor(overrides)
    assert found.not_ok() == {"key file": "fail", "account": "fail", "key permissions": "fail"}
    assert "chmod 600" in found.seen["key file"]
    assert found.results["symbols"] == "ok"
    assert found.exit_code == 78


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_venue_out_of_reach_is_told_endpoint_by_endpoint(
    scheme: str, tmp_path: Path
) -> None:
    """How far one came, and nothing is asked that could not be; a new start may find it (70)."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"
    found = await run_doctor(live_overrides(address, tmp_path))
    for endpoint in ("REST", "WebSocket API", "streams"):
        assert "nothing listens there" in found.seen[endpoint]
        assert "firewall" in found.seen[endpoint]
    assert found.results["account"] == "fail"
    assert found.exit_code == 70


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """Whoever is there, it is not shown to be the venue."""
    certificate = loopback_certificate(tmp_path)
    async with open_venue(model_config(tls=certificate.files)) as (_, address):
        found = await run_doctor(live_overrides(address, tmp_path))
    assert "certificate refused" in found.seen["REST"]
    assert found.exit_code == 70
