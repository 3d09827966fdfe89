"""The intents of protection: a stop, a stop with a target, or a sale at once. Pure."""

from typing import Final

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.order_ids import OrderIdParts, order_list_ids
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import OrderIntent, OrderType, Side, SignalAction, TimeInForce
from genesis.engine.coverage import PositionKey
from genesis.engine.protection import PlaceProtection
from genesis.units import NANOS_PER_SECOND, Nanos, Price, Quantity

_FOR_EVER: Final[Nanos] = 2**62


class ProtectionDraft:
    """Makes the intents of one protective name."""

    def __init__(
        self, position: PositionKey, instrument: Instrument, name: OrderIdParts, now: Nanos
    ) -> None:
        self._strategy_id = position[0]
        self._instrument = instrument
        self._ids = order_list_ids(name)
        self._now = now

    def pair(self, step: PlaceProtection) -> OrderListIntent:
        """Return a stop and a target over the same lots."""
        return OrderListIntent(
            list_client_order_id=self._ids.order_list,
            stop=self.stop(step.quantity, step.stop_price),
            target=self._intent(
                self._ids.target,
                OrderType.LIMIT_MAKER,
                step.quantity,
                limit_price=step.target_price,
            ),
        )

    def stop(self, quantity: Quantity, stop_price: Price) -> OrderIntent:
        """Return a stop that sells at the market when it is reached."""
        return self._intent(self._ids.stop, OrderType.STOP_LOSS, quantity, trigger_price=stop_price)

    def sale(self, quantity: Quantity, reference_price: Price = 0) -> OrderIntent:
        """Return a sale at the market, now; without a quote it is valued at the reference."""
        intent = self._intent(self._ids.stop, OrderType.MARKET, quantity)
        return msgspec.structs.replace(intent, reference_price=reference_price)

    def priced_sale(self, quantity: Quantity, limit_price: Price) -> OrderIntent:
        """Return a sale of what the market takes at this price or a better one, now."""
        intent = self._intent(self._ids.stop, OrderType.LIMIT, quantity, limit_price=limit_price)
        return msgspec.structs.replace(
            intent, time_in_force=TimeInForce.IOC, expires_at=self._now + NANOS_PER_SECOND
        )

    def _intent(
        self,
        client_order_id: str,
        order_type: OrderType,
        quantity: Quantity,
        *,
        limit_price: Price = 0,
        trigger_price: Price = 0,
    ) -> OrderIntent:
        is_market = order_type is OrderType.MARKET
        return OrderIntent(
            client_order_id=client_order_id,
            strategy_id=self._strategy_id,
            symbol=self._instrument.symbol,
            instrument_id=self._instrument.instrument_id,
            side=Side.SELL,
            action=SignalAction.EXIT,
            order_type=order_type,
            time_in_force=TimeInForce.GTC,
            quantity=quantity,
            limit_price=limit_price,
            reference_price=limit_price or trigger_price,
            stop_price=0,
            target_price=0,
            expires_at=self._now + NANOS_PER_SECOND if is_market else _FOR_EVER,
            trigger_price=trigger_price,
        )
