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


def test_the_level_can_change(capfd: pytest.CaptureFixture[str]) -> None:
    """While it runs."""
    log = Log("test")
    log.info("first")
    log.show_all(verbose=True)
    log.info("second")
    log.show_all(verbose=False)
    log.info("third")
    err = capfd.readouterr().err
    assert "second" in err
    assert "first" not in err
    assert "third" not in err
