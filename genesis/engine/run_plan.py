"""What each child of a run is told (I/O).

The plan fills while the engine starts: where a simulated venue listens is known once it does, what
a venue lists once it was asked. A successor is told the same as its predecessor, but for its epoch.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.domain.instruments import Instrument
from genesis.engine.boot import BootSpec
from genesis.engine.state_directory import StateDirectory
from genesis.engine.surroundings import Shards
from genesis.engine.wiring import Seat, Wiring
from genesis.errors import ChildFailed
from genesis.exchange.binance.endpoints import endpoints_of
from genesis.exchange.endpoints import Endpoints
from genesis.strategies.base import StrategySpec


class RunPlan:
    """Writes boot documents. `learn_venue` and `learn_market` add what the start finds out."""

    def __init__(
        self,
        settings: Settings,
        state: StateDirectory,
        wiring: Wiring,
        clock: EngineClock,
        log_fd: int,
    ) -> None:
        self.settings = settings
        self.state = state
        self.wiring = wiring
        self.clock = clock
        self._log_fd = log_fd
        self._trading_key = state.sim_trading_key() if settings.is_simulated else None
        self._venue_settings = settings
        self._endpoints = None if settings.is_simulated else endpoints_of(settings)
        self._instruments: tuple[Instrument, ...] = ()
        self._shards: Shards = ()

    @property
    def market_name(self) -> str:
        """What the venue shows, in a few words: for one that is not ours, its host."""
        if not self.settings.is_simulated:
            return urlsplit(self.endpoints.streams_url).netloc
        market = self.settings.market
        return market.source if market.path is None else f"{market.source}:{market.path.name}"

    @property
    def endpoints(self) -> Endpoints:
        """Where the venue listens, once it was learned."""
        assert self._endpoints is not None, "the venue said where it listens"
        return self._endpoints

    def learn_venue(self, detail: Mapping[str, str | int]) -> None:
        """Take the port from the venue's readiness; a restarted venue must come back to it.

        Raises:
            ChildFailed: It named no port.
        """
        port = detail.get("port")
        if not isinstance(port, int):
            raise ChildFailed("venue: it did not say which port it listens on")
        host = self.settings.venue.host
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        ca_file = self.settings.exchange.ca_file
        secure = "" if self.settings.venue.tls_certificate is None else "s"
        endpoints = Endpoints(
            streams_url=f"ws{secure}://{authority}/stream",
            ws_api_url=f"ws{secure}://{authority}/ws-api/v3",
            rest_url=f"http{secure}://{authority}/api/v3",
            ca_file="" if ca_file is None else str(ca_file),
        )
        self._endpoints = endpoints.asking_for(self.settings.exchange.time_unit)
        venue = self.settings.venue.model_copy(update={"port": port})
        self._venue_settings = self.settings.model_copy(update={"venue": venue})

    def learn_market(self, instruments: tuple[Instrument, ...], shards: Shards) -> None:
        """Take the listing and the shards, and make the tables that have a row an instrument."""
        assert len(shards) == self.settings.strategies.workers, "each worker has a shard"
        self._instruments = instruments
        self._shards = shards
        self.wiring.make_tables(len(instruments))

    def spec_for(self, seat: Seat) -> BootSpec:
        """Write the boot document of one life on this seat, with a new epoch.

        Raises:
            StorageError: The epoch could not be made durable.
        """
        settings = self._venue_settings if seat.role == "venue" else self.settings
        spec = BootSpec(
            role=seat.role,
            name=seat.name,
            epoch=self.state.next_epoch(),
            parent_pid=os.getpid(),
            clock_offset=self.clock.offset,
            control_fd=-1,  # the spawner makes the channel
            log_fd=self._log_fd,
            board_fd=self.wiring.board.fd,
            board_page=seat.board_page,
            board_pages=self.wiring.board.pages,
            settings=settings.model_dump_json(),
            instruments=self._instruments,
            strategies=self._strategies_of(seat),
            endpoints=self._endpoints,
            trading_key=self._trading_key if seat.role == "venue" else None,
        )
        return self.wiring.plug(seat, spec)

    def _strategies_of(self, seat: Seat) -> tuple[StrategySpec, ...]:
        match seat.role:
            case "strategy":
                return self._shards[seat.worker]
            case "executor":
                return tuple(spec for shard in self._shards for spec in shard)
            case "venue" | "feed" | "recorder":
                return ()
