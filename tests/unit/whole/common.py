# SPDX-License-Identifier: Apache-2.0
"""What records of `expected` have in common: the host, and the process that they are of."""

from typing import Any

Keys = dict[str, Any]

HOST: Keys = {
    "InfoHostName": "dev.example",
    "InfoHostIP": "192.0.2.7",
    "InfoSystem": "Linux",
    "InfoKernel": "6.1.0-10-amd64",
    "InfoVersion": "kflowd-v9.9.9",
}
PROCESS: Keys = {
    "ProcParent": "sshd",
    "Proc": "dash/sh",
    "ProcUser": "dirk",
    "ProcGroup": "staff",
    "ProcPPID": 303,
    "ProcPID": 301,
    "ProcTID": 302,
    "ProcUID": 1001,
    "ProcGID": 1002,
}
DETAILS: Keys = {
    "ProcEUID": 1006,
    "ProcEGID": 1007,
    "ProcExe": "/usr/bin/dash",
    "ProcArgs": ["sh", "-c", "make"],
    "ProcWorkDir": "/home/dirk/src (deleted)",
    "ProcTTY": "pts/3",
    "ProcLoginUID": 1003,
    "ProcSessionID": 402,
    "ProcCgroupID": 401,
    "ProcMntNS": 403,
    "ProcPidNS": 404,
    "ProcNetNS": 405,
    "ProcContainer": {"Id": "7e" * 32, "Runtime": "docker"},
    "ProcUnit": "web.service",
    "ProcAncestors": [{"Pid": 303, "Name": "sshd"}, {"Pid": 1, "Name": "systemd"}],
    "ProcNotes": ["EXE_TRUNCATED", "FILELESS", "DELETED"],
}
