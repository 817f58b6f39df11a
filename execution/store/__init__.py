"""The only code with a database session: one `write` is one transaction, state and event together."""

from execution.store.store import Store
from execution.store.transaction import Transaction

__all__ = ["Store", "Transaction"]
