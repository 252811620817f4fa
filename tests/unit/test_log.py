# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd import log


@pytest.mark.parametrize(("verbose", "expected"), [(False, ["w"]), (True, ["d", "w"])])
def test_levels(
    verbose: bool,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Warnings always, the rest only when asked for; stdout stays for records."""
    log.configure(verbose=verbose)
    logger = log.get_logger("test")
    logger.debug("d", key="value")
    logger.warning("w", key="value")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split("]")[1].split()[0] for line in err.splitlines()] == expected
