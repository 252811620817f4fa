# SPDX-License-Identifier: Apache-2.0
"""What the unit tests share: no example of a property test is measured, because hosts are busy."""

from hypothesis import settings

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
