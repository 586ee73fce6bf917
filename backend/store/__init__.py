"""What must survive a restart, in a database. The only package that writes SQL."""

from backend.store.database import Store, StoreError
from backend.store.jobs import Job, Jobs, Pace

__all__ = ["Job", "Jobs", "Pace", "Store", "StoreError"]
