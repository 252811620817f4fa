# SPDX-License-Identifier: Apache-2.0
import dns.opcode
import dns.rcode
import dns.rdataclass

from kflowd.protocols.dns.codes import TYPES, class_name, opcode_name, rcode_name, type_name
from tests.unit.protocols.dns.oracle import type_text


def test_names_are_those_of_dnspython() -> None:
    """Ours are more."""
    assert [type_name(it) for it in range(65536)] == [type_text(it) for it in range(65536)]
    known = {int(it): dns.rcode.to_text(it) for it in dns.rcode.Rcode}
    assert {code: rcode_name(code) for code in known} == known
    opcodes = {int(it): it.name for it in dns.opcode.Opcode}
    assert {code: opcode_name(code) for code in opcodes} == opcodes
    ours = {code: class_name(code) for code in range(1, 65536) if code != 0x8001}
    assert ours == {
        code: dns.rdataclass.to_text(dns.rdataclass.RdataClass.make(code)) for code in ours
    }


def test_what_has_no_name_has_its_number() -> None:
    """As RFC 3597 has it, and alike where it says nothing; DSO is younger than dnspython's list."""
    assert (type_name(4242), class_name(2)) == ("TYPE4242", "CLASS2")
    assert (opcode_name(7), rcode_name(12), opcode_name(6)) == ("OPCODE7", "RCODE12", "DSO")


def test_a_class_of_multicast_dns_is_in() -> None:
    """Its top bit is no part of the class."""
    assert class_name(0x8001) == "IN"
    assert len(set(TYPES.values())) == len(TYPES)
