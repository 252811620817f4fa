# SPDX-License-Identifier: Apache-2.0
"""Stage 5, serialize: enriched values become numbered records."""

from kflowd.serialize.build import Builder, OutputCounters, Record, UserCounters
from kflowd.serialize.contract import HealthRecord

__all__ = ["Builder", "HealthRecord", "OutputCounters", "Record", "UserCounters"]
