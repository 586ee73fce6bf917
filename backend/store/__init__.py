"""What must survive a restart, in a database. The only package that writes SQL."""

from shatterscope.backend.store.database import Store, StoreError, move_aside
from shatterscope.backend.store.jobs import KEPT_JOBS, Job, Jobs, Pace
from shatterscope.backend.store.rooms import RoomStore, StoredRoom
from shatterscope.backend.store.views import StoredView, Views

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
