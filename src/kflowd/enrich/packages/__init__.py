# SPDX-License-Identifier: Apache-2.0
"""Versions of the packages that files belong to: dpkg, rpm, and what both are asked by."""

from kflowd.enrich.packages.versions import PackageVersions

__all__ = ["PackageVersions"]
