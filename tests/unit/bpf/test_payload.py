# SPDX-License-Identifier: Apache-2.0
from kflowd.bpf.payload import constants
from kflowd.settings.applications import Port


def test_each_port_has_a_bit() -> None:
    """Those of UDP stand behind those of TCP."""
    found = constants([Port("tcp", 1), Port("tcp", 65535), Port("udp", 53)], 1 << 20)
    bits = found["kf_payload_ports"]
    assert bits == (1 << 1) | (1 << 65535) | (1 << (65536 + 53))
    # as clang lays it out: 2 * 1024 words of 64 bits
    assert len(bits.to_bytes(2 * 65536 // 8, "little")) == 16384
    assert found["kf_captures"] == 1


def test_without_ports_nothing_is_captured() -> None:
    """The verifier drops the code then."""
    assert constants([], 1 << 20) == {
        "kf_payload_ports": 0,
        "kf_captures": 0,
        "kf_payload_fill": 1 << 19,
        "kf_payload_share": 1 << 18,
    }


def test_half_of_the_ring_is_kept_for_others() -> None:
    """As large as the kernel makes it."""
    assert constants([], (1 << 20) + 1)["kf_payload_fill"] == 1 << 20
