# SPDX-License-Identifier: Apache-2.0
"""Stage 5, serialize: enriched values become numbered records, compositions of typed blocks."""

from kflowd.serialize.build import Builder, OutputCounters, UserCounters
from kflowd.serialize.hosts import HostFacts
from kflowd.serialize.record import RECORDS, HealthRecord, Record

__all__ = [
    "RECORDS",
    "Builder",
    "HealthRecord",
    "HostFacts",
    "OutputCounters",
    "Record",
    "UserCounters",
]
