# SPDX-License-Identifier: Apache-2.0
"""Kernel memory as fdinfo has it."""

from kflowd.bpf.kernel.memory import memlock, parse_memlock


def test_memlock_is_read() -> None:
    """The figure is in bytes."""
    assert parse_memlock("pos:\t0\nmap_type:\t27\nmemlock:\t8433992\nmap_id:\t7\n") == 8433992


def test_an_unknown_figure_is_zero() -> None:
    """A descriptor that is none, or says nothing, stops nobody."""
    assert parse_memlock("pos:\t0\n") == 0
    assert memlock(-1) == 0
