"""A lecture: a lesson told over the living Explore page. Its panel, its texts, and what makes the next step quick.

The lecture itself runs in the browser (`frontend_assets/lecture`): its place is in the address, and a step is a change of the address.
"""
