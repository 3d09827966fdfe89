"""Whether an account is the one that the books are about, and holds what is allotted. Pure."""

from genesis.engine.ledger import Ledger
from genesis.engine.valuation import Valuation
from genesis.units import Amount, text_from_fixed


def fault_of_account(ledger: Ledger, account_id: int, place: str) -> str:
    """Return why the books of a journal are not this account's; "" if they are, or nobody's yet.

    `place` is where the journal is, for the one who reads it.
    """
    if not account_id:
        return "the venue does not say whose account this is (uid), so no books can be kept of it"
    known = ledger.state.account_id
    if not known or known == account_id:
        return ""
    return (
        f"state_dir: {place} holds the books of account {known}, and the key trades on account "
        f"{account_id}: name a key of that account, or use another state_dir"
    )


def fault_of_capital(ledger: Ledger, valuation: Valuation, free: Amount, quote_asset: str) -> str:
    """Return by how much the account holds too little of the quote asset; "" if it does not.

    What is in positions has been paid for. While orders are live, some of it may be locked, or
    spent and not yet booked: then nothing can be said.
    """
    if ledger.state.live_orders or free >= valuation.cash:
        return ""
    return (
        f"capital_quote: {text_from_fixed(valuation.capital)} {quote_asset} are allotted, of which "
        f"{text_from_fixed(valuation.cash)} are not in positions, and the account has "
        f"{text_from_fixed(free)} {quote_asset} free: lower capital_quote, or deposit the rest"
    )
