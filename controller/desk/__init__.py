"""The desk: devices <-> engine, who is told what.

A *post* stands between one device and the lobby. What the device says becomes requests; what a step has changed
becomes levels (shown again after every outage) and edges (from new events only, never on replay). Nothing here decides.
"""

from controller.desk.desk import Desk
from controller.desk.post import Post

__all__ = ["Desk", "Post"]
