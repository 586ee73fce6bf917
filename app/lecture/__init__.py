"""Lectures: lessons told over the living Explore page. The page that lists them, the panel, and what makes the next step quick.

The lecture itself runs in the browser (`frontend_assets/lecture`): its place is in the address, and a step is a change of the address.
"""

from shatterscope.app.lecture.prepare import add_preparation
from shatterscope.app.lecture.shelf import register as register_shelf
from shatterscope.app.lecture.shelf import shelf

__all__ = ["add_preparation", "register_shelf", "shelf"]
