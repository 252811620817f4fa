# SPDX-License-Identifier: Apache-2.0
"""The checks before loading, without being privileged."""

import errno

import pytest

from kflowd.bpf.kernel import preflight
from kflowd.errors import BpfError, FeatureError, KflowdError, PrivilegeError

ALL = "CapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n"
NONE = "CapEff:\t0000000000000000\n"
BPF_ONLY = "CapEff:\t000000c000000000\n"


def test_root_may() -> None:
    """All capabilities suffice."""
    preflight.check_privileges({"file", "socket"}, ALL)


def test_a_user_is_told_what_is_missing() -> None:
    """The message names the capabilities, the hint says what to do."""
    with pytest.raises(PrivilegeError, match="CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN") as caught:
        preflight.check_privileges({"file", "socket"}, NONE)
    assert caught.value.exit_code == 4
    assert caught.value.hint == "run kflowd as root, or with these capabilities"


def test_root_without_capabilities_is_not_told_to_be_root() -> None:
    """In a container root may lack them: then the hint is to give them."""
    with pytest.raises(PrivilegeError, match="missing CAP_BPF") as caught:
        preflight.check_privileges({"file"}, "Uid:\t0\t0\t0\t0\n" + NONE)
    assert "root does not have them" in str(caught.value.hint)
    with pytest.raises(PrivilegeError) as caught:
        preflight.check_privileges({"file"}, "Uid:\t0\t1000\t0\t0\n" + NONE)
    assert "as root" in str(caught.value.hint)


def test_files_need_no_network_capability() -> None:
    """CAP_BPF and CAP_PERFMON are enough without sockets."""
    preflight.check_privileges({"file"}, BPF_ONLY)
    with pytest.raises(PrivilegeError, match="missing CAP_NET_ADMIN"):
        preflight.check_privileges({"socket"}, BPF_ONLY)


def test_a_status_without_the_line_means_none() -> None:
    """Nothing is assumed that is not said."""
    assert preflight.effective_capabilities("Name:\tx\n") == 0


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EPERM, PrivilegeError),
        (errno.ENOSYS, FeatureError),
        (errno.ENOMEM, BpfError),
    ],
)
def test_a_refused_bpf_call_is_explained(
    code: int, error: type[KflowdError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way in which bpf(2) fails has its own class and exit code."""

    class FakeLib:
        """A kernel that refuses."""

        @staticmethod
        def kf_probe__map() -> int:
            """Return the error."""
            return -code

    monkeypatch.setattr(preflight, "lib", FakeLib)
    with pytest.raises(error, match=r"bpf\(2\)"):
        preflight.check_bpf()
