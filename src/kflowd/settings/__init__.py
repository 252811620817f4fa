# SPDX-License-Identifier: Apache-2.0
"""Settings: one tree of checked values, and all that is made from its fields. No I/O here.

`tree` has the fields, `option` what a field can say of itself, `kinds` how values are read and
written, `walk` the fields one by one, `lines` the options of a command, `convert` the way from what
was written to a tree.
"""

from kflowd.settings.fim import FimRule, FimSettings
from kflowd.settings.metrics import MetricsSettings
from kflowd.settings.outputs import (
    BatchSettings,
    Format,
    OutputSettings,
    QueueSettings,
    RotateSettings,
)
from kflowd.settings.tree import (
    AttachMode,
    EnrichSettings,
    Settings,
    Subsystem,
    TraceSettings,
)

__all__ = [
    "AttachMode",
    "BatchSettings",
    "EnrichSettings",
    "FimRule",
    "FimSettings",
    "Format",
    "MetricsSettings",
    "OutputSettings",
    "QueueSettings",
    "RotateSettings",
    "Settings",
    "Subsystem",
    "TraceSettings",
]
