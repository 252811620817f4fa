# SPDX-License-Identifier: Apache-2.0
"""Adds the cffi extension; everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["src/kflowd/bpf/_build.py:ffibuilder"])
