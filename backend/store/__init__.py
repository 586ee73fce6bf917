"""What must survive a restart, in a database. The only package that writes SQL."""

from backend.store.database import Store, StoreError, move_aside
from backend.store.jobs import KEPT_JOBS, Job, Jobs, Pace
from backend.store.rooms import RoomStore, StoredRoom
from backend.store.views import StoredView, Views

__all__ = [
    "KEPT_JOBS",
    "Job",
    "Jobs",
    "Pace",
    "RoomStore",
    "Store",
    "StoreError",
    "StoredRoom",
    "StoredView",
    "Views",
    "move_aside",
]
