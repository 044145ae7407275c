"""Durable conversations: what is said and done is in a database before anybody acts on it."""

from .errors import Leased, LeaseLost, StoreError
from .store import Store
from .stored_run import StoredRun

__all__ = ["LeaseLost", "Leased", "Store", "StoreError", "StoredRun"]
