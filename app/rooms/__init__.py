"""Live rooms on the page: markup alone; `frontend_assets/room` does the rest, since what it shows never waits for a callback."""

from shatterscope.app.rooms.layout import room_share, room_status

__all__ = ["room_share", "room_status"]
