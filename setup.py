# SPDX-License-Identifier: Apache-2.0
"""Adds what is generated: the cffi extension and the layouts. The rest is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
# a build runs in an environment that knows neither
sys.path[:0] = [str(HERE), str(HERE / "src")]

from tools import layouts  # noqa: E402 - found by the line above


class BuildPy(build_py):
    """Writes the layouts before Python files are collected."""

    def run(self) -> None:
        """Write them, then do what setuptools does."""
        layouts.write()
        super().run()


setup(cffi_modules=["src/kflowd/bpf/native/_build.py:ffibuilder"], cmdclass={"build_py": BuildPy})
