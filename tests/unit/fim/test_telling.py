# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest
from msgspec import UNSET

from kflowd.delivery.formats import make_format
from kflowd.delivery.formats.screen import Screen
from kflowd.errors import FimError
from kflowd.fim.compare import created, found_in_place, renamed
from kflowd.fim.numbering import Numbering
from kflowd.fim.secret import Secret
from kflowd.fim.telling import Records, Told, block_of, document_of
from kflowd.serialize.hosts import HostFacts, host_block
from kflowd.serialize.record import IntegrityRecord, record_keys
from kflowd.settings.fim import FimRule, Tag
from tests.unit.fim.states import state

RULE = FimRule(name="etc", severity="high", tags=(Tag("PCI-11.5.2"),))
NUMBER = Numbering(Secret(b"k" * 32), 1, (0, ""), 5_000_000_000)


def test_a_record_has_all_that_was_found() -> None:
    """In the order of the contract; what does not apply is absent, and nobody is blamed (W38)."""
    finding = found_in_place(b"/a", state(), state(mode=0o4755, mtime_ns=12))
    assert finding is not None
    stored = NUMBER(finding, document_of(finding, RULE))
    record = Records(host_block(HostFacts()), 4_000_000_000)(stored)
    block = record.integrity
    assert record.process is None
    assert record.stamp.InfoMonitor == "integrity"
    assert record.stamp.InfoTimestamp == 5_000_000_000
    assert record.uptime.InfoUptime == 1_000_000_000
    assert (block.FimFinding, block.FimSeverity, block.FimRule) == ("attributes", "high", "etc")
    assert (block.FimConsumer, block.FimSource) == ("generic", "scheduled")
    assert block.FimTags == ("PCI-11.5.2",)
    assert block.FimChanged == ("mode", "mtime")
    assert block.FimBefore
    assert block.FimAfter
    assert (block.FimBefore["Mode"], block.FimAfter["Mode"]) == ("0644", "4755")
    assert list(block.FimAfter)[:4] == ["Type", "Size", "Mode", "UID"]
    assert block.FimOldPath is UNSET
    assert block.FimDiff is UNSET
    assert len(block.FimChain) == 64


def test_fields_stand_in_the_order_of_the_issue() -> None:
    """The Info block, the process, then these."""
    names = [it for it in record_keys(type(_record())) if it.startswith("Fim")]
    assert names == [
        *("FimFinding", "FimSeverity", "FimRule", "FimConsumer", "FimTags", "FimSource"),
        *("FimPath", "FimOldPath", "FimChanged", "FimBefore", "FimAfter", "FimAdded"),
        *("FimRemoved", "FimDiff", "FimDiffNote", "FimSequence", "FimChain"),
    ]


def _record() -> IntegrityRecord:
    finding = created(b"/a", state())
    stored = NUMBER(finding, document_of(finding, RULE))
    return Records(host_block(HostFacts()), 0, strict=True)(stored)


def test_what_a_consumer_says_is_told() -> None:
    """Its kind stands in place of `modified`."""
    finding = created(b"/a", state())
    told = Told("account", ({"Name": "x"},), (), "--- a", "binary")
    document = msgspec.json.decode(document_of(finding, RULE, told))
    assert document["FimFinding"] == "account"
    assert document["FimAdded"] == [{"Name": "x"}]
    assert "FimRemoved" not in document
    assert (document["FimDiff"], document["FimDiffNote"]) == ("--- a", "binary")


@pytest.mark.parametrize(
    ("form", "written"),
    [("json-min", '"/\N{REPLACEMENT CHARACTER}"'), ("compact", " /\\xff from=/\\xfe")],
)
def test_names_of_any_bytes_are_as_in_other_records(form: str, written: str) -> None:
    """In each form, and none is written as another name would be."""
    after = state(type="symlink", sha256=None, target=b"\xfe")
    finding = renamed(b"/\xfe", after, b"/\xff", after)
    stored = NUMBER(finding, document_of(finding, RULE))
    block = block_of(stored)
    assert (block.FimPath, block.FimOldPath) == ("/\udcff", "/\udcfe")
    record = Records(host_block(HostFacts()), 0)(stored)
    text = make_format(form, Screen(width=500))(record).decode()
    assert written in text
    other = NUMBER(created(b"/\\xff", after), document_of(created(b"/\\xff", after), RULE))
    assert block_of(other).FimPath == "/\\xff"


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b'{"FimFinding": 1}', b"\xff"])
def test_a_damaged_finding_is_an_error_of_one_line(document: bytes) -> None:
    """Whatever stands in the database."""
    stored = NUMBER(created(b"/a", state()), document)
    with pytest.raises(FimError, match="it is damaged"):
        block_of(stored)
