# SPDX-License-Identifier: Apache-2.0
"""Each operation on a file has its row in the table that all attach modes share."""

import re

from tests.policy.tree import ROOT

TABLE = ROOT / "ebpf" / "file" / "operations.bpf.h"


def test_each_operation_has_a_row() -> None:
    """One without would load, and do nothing."""
    text = TABLE.read_text()
    (members,) = re.findall(r"enum kf_op \{\n(.*?)\n\};", text, re.DOTALL)
    operations = re.findall(r"^\t(KF_OP_\w+)", members, re.MULTILINE)
    assert operations[0] == "KF_OP_NONE"
    rows = re.findall(r"^\t\[(KF_OP_\w+)\] = ", text, re.MULTILINE)
    assert rows == operations[1:]
