# SPDX-License-Identifier: Apache-2.0
"""File integrity monitoring."""
