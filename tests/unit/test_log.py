# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.log import Log


@pytest.mark.parametrize(("verbose", "expected"), [(False, ["w"]), (True, ["d", "w"])])
def test_levels(
    verbose: bool,
    expected: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Warnings always, the rest only when asked for; stdout stays for records."""
    log = Log("test", verbose=verbose)
    log.debug("d", key="value")
    log.warning("w", key="value")
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split("]")[1].split()[0] for line in err.splitlines()] == expected
