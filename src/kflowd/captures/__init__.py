# SPDX-License-Identifier: Apache-2.0
"""Captures of packets, and the sockets whose packets they are.

Data flows one way: `reader` gives frames, `links` finds the network layer in them, `network` makes
whole packets of it, `transport` reads TCP and UDP, `flows` puts together what belongs together.
"""

from kflowd.captures.flows import Flows, FlowStats
from kflowd.captures.reader import Frame, frames

__all__ = ["FlowStats", "Flows", "Frame", "frames"]
