"""What must survive a restart, in a database. The only package that writes SQL."""

from backend.store.database import Store, StoreError

__all__ = ["Store", "StoreError"]
