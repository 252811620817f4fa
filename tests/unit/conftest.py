# SPDX-License-Identifier: Apache-2.0
"""Settings of the unit tests."""

from hypothesis import settings

# how long an example takes on a busy machine says nothing
settings.register_profile("kflowd", deadline=None)
settings.load_profile("kflowd")
