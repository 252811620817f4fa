# SPDX-License-Identifier: Apache-2.0
"""Metrics of a run, for who asks and for Graphite: what health records count, at any moment.

Imported where a run has them: a library makes their text.
"""

from kflowd.metrics.run import RunMetrics

__all__ = ["RunMetrics"]
