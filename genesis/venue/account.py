"""Balances of one account, in scaled integers: what is free and what orders hold back."""

from dataclasses import dataclass

from genesis.units import Amount, Nanos


@dataclass(slots=True)
class Balance:
    """One asset of an account."""

    free: Amount = 0
    locked: Amount = 0


class Account:
    """The balances of one client.

    Every change goes through a method that keeps both parts at or above zero; `touched` collects
    the assets that changed, until `take_touched`.
    """

    __slots__ = ("_touched", "account_id", "balances", "updated_at")

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.balances: dict[str, Balance] = {}
        self.updated_at: Nanos = 0
        self._touched: dict[str, None] = {}

    def free(self, asset: str) -> Amount:
        """Return what can be spent or locked."""
        balance = self.balances.get(asset)
        return 0 if balance is None else balance.free

    def credit(self, asset: str, amount: Amount) -> None:
        """Add to the free part."""
        assert amount >= 0
        self._touch(asset).free += amount

    def transfer(self, asset: str, amount: Amount) -> None:
        """Add to the free part, or with a negative amount take from it."""
        balance = self._touch(asset)
        assert balance.free + amount >= 0, "what is not free does not leave"
        balance.free += amount

    def lock(self, asset: str, amount: Amount) -> None:
        """Move from free to locked."""
        balance = self._touch(asset)
        assert 0 <= amount <= balance.free, "funds are checked before they are locked"
        balance.free -= amount
        balance.locked += amount

    def unlock(self, asset: str, amount: Amount) -> None:
        """Move from locked to free."""
        balance = self._touch(asset)
        assert 0 <= amount <= balance.locked, "only what was locked is unlocked"
        balance.locked -= amount
        balance.free += amount

    def spend_locked(self, asset: str, amount: Amount) -> None:
        """Take from the locked part."""
        balance = self._touch(asset)
        assert 0 <= amount <= balance.locked, "only what was locked is spent"
        balance.locked -= amount

    def restore(self, asset: str, balance: Balance) -> None:
        """Set an asset to what the ledger holds."""
        self.balances[asset] = balance

    def take_touched(self) -> tuple[str, ...]:
        """Return the assets that changed since the last call, in the order they first did."""
        touched = tuple(self._touched)
        self._touched.clear()
        return touched

    def _touch(self, asset: str) -> Balance:
        self._touched[asset] = None
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance
