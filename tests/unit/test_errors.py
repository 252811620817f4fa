# SPDX-License-Identifier: Apache-2.0
from kflowd import errors


def test_every_error_has_its_documented_exit_code() -> None:
    """The table of the module's docstring is what the classes say."""
    codes = {
        name: value.exit_code for name, value in vars(errors).items() if name.endswith("Error")
    }
    assert codes == {
        "KflowdError": 1,
        "UsageError": 2,
        "ContradictionError": 2,
        "FeatureError": 3,
        "PrivilegeError": 4,
        "BpfError": 1,
        "ContractError": 1,
        "RecordingError": 1,
        "CaptureError": 1,
        "CommandError": 127,
        "SinkError": 1,
        "MetricsError": 1,
        "FimError": 18,
        "FimConfigError": 17,
        "FimUsageError": 15,
    }


def test_a_command_that_cannot_be_run_has_two_codes() -> None:
    """Those of a shell, by what is wrong."""
    assert errors.CommandError("running x: no", 126).exit_code == 126


def test_an_error_carries_a_hint() -> None:
    """The message is one line, what to do is another."""
    error = errors.PrivilegeError("loading programs: not permitted", "run as root")
    assert str(error) == "loading programs: not permitted"
    assert error.hint == "run as root"
    assert errors.KflowdError("doing: cause").hint is None
