"""The whole examination: look, then judge (I/O)."""

import asyncio
import logging
from collections.abc import Mapping

import structlog
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.doctor.host_probe import look_at_host, look_at_key, look_at_python
from genesis.doctor.host_verdicts import judge_host, judge_python
from genesis.doctor.report import Report, fail, ok
from genesis.doctor.venue_probe import VenueProbe
from genesis.doctor.venue_verdicts import judge_venue
from genesis.errors import EXIT_CONFIG, ConfigError
from genesis.exchange.binance.endpoints import endpoints_of


def examine(settings: Settings, environ: Mapping[str, str]) -> Report:
    """Look at everything that a run on these settings needs, and judge it. Changes nothing.

    Raises:
        StorageError, ResourceError: The state directory is there and cannot be read.
        ConfigError: `exchange.ca_file` holds no certificates.
    """
    signer, key = look_at_key(settings, environ)
    checks = [judge_python(look_at_python()), ok("configuration", "valid")]
    checks += judge_host(look_at_host(settings, key), settings)
    if settings.is_simulated:
        checks.append(ok("venue", "mode sim starts a venue of its own, on this machine"))
    else:
        probe = VenueProbe(
            settings, endpoints_of(settings), signer, clock=EngineClock.start(), log=_silent_log()
        )
        checks += judge_venue(asyncio.run(probe.look()), settings)
    return Report.of(settings.mode, checks)


def refused_configuration(error: ConfigError) -> Report:
    """Return the report on settings that are wrong: nothing else could be looked at."""
    wrong = fail("configuration", str(error), "put each line right, then look again", EXIT_CONFIG)
    return Report.of("", [judge_python(look_at_python()), wrong])


def _silent_log() -> FilteringBoundLogger:
    """Make a log of nothing: what a probe finds is told by its check."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    return log
