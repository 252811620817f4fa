# SPDX-License-Identifier: Apache-2.0
"""Stage 4, enrich: names of processes, users, devices and interfaces."""

from kflowd.enrich.base import Enricher
from kflowd.enrich.cgroups import Cgroups
from kflowd.enrich.checksums import Checksums
from kflowd.enrich.devices import Devices
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.labels import PluginLabels
from kflowd.enrich.plugins import Plugins
from kflowd.enrich.processes import Processes
from kflowd.enrich.stage import Enrichment
from kflowd.enrich.users import Users

__all__ = ["ENRICHERS", "Enricher", "Enrichment"]

# every enricher, in the order in which they are asked
ENRICHERS: tuple[type[Enricher], ...] = (
    *(Processes, Users, Devices, Checksums, Cgroups, Interfaces, Plugins, PluginLabels),
)
