"""What the executor reads of the market: the feed's tables."""

from collections.abc import Iterable

from genesis.domain.market import Depth, Quote
from genesis.engine.slicing.desk import MarketFacts
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.units import Quantity


class MarketView:
    """The tables of quotes, depth and traded volume, of which it is given the reading ends."""

    def __init__(self, quotes: QuoteTable, depths: DepthTable, volumes: VolumeTable) -> None:
        self._quotes = quotes
        self._depths = depths
        self._volumes = volumes

    def quotes(self, instruments: Iterable[int]) -> dict[int, Quote]:
        """Return the latest quotes, of those instruments that have one."""
        seen = ((instrument_id, self._quotes.get(instrument_id)) for instrument_id in instruments)
        return {instrument_id: quote for instrument_id, quote in seen if quote is not None}

    def depth(self, instrument_id: int) -> Depth | None:
        """Return the best levels of an instrument's book, None where they are not known."""
        return self._depths.get(instrument_id)

    def volumes(self, instruments: Iterable[int]) -> dict[int, Quantity]:
        """Return what the public has traded so far, of those instruments of which it has any."""
        seen = ((instrument_id, self._volumes.get(instrument_id)) for instrument_id in instruments)
        return {instrument_id: traded.quantity for instrument_id, traded in seen if traded}

    def facts(self, instruments: Iterable[int]) -> MarketFacts:
        """Return all that is known of some instruments."""
        wanted = tuple(instruments)
        seen = ((instrument_id, self._depths.get(instrument_id)) for instrument_id in wanted)
        depths = {instrument_id: depth for instrument_id, depth in seen if depth is not None}
        return MarketFacts(self.quotes(wanted), depths, self.volumes(wanted))

    def close(self) -> None:
        """Unmap the tables."""
        self._quotes.close()
        self._depths.close()
        self._volumes.close()
