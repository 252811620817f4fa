# SPDX-License-Identifier: Apache-2.0
"""What the streams of `raw` become: whole records, key by key in the order of the output.

No value occurs twice in a record, so that no two of its fields can be swapped unseen.
"""

from kflowd.model import Process, ProcessExit
from tests.unit.whole.common import DETAILS, HOST, PROCESS, Keys

FILE: Keys = {
    "InfoSequenceNumber": 1,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:31.000000001 UTC",
    "InfoMonitor": "filesystem",
    **HOST,
    "InfoUptime": 31.000000001,
    **PROCESS,
    "ProcAge": 40.000000002,
    "FilePath": "/home/project/",
    "File": "new.txt",
    "FileOrigin": "old.txt",
    "FileMode": "hardlink",
    "FileEventCount": 6666,
    "FileEvents": {
        "CREATE": 601,
        "OPEN": 602,
        "OPEN_EXEC": 603,
        "ACCESS": 604,
        "ATTRIB": 605,
        "MODIFY": 606,
        "CLOSE_WRITE": 607,
        "CLOSE_NOWRITE": 608,
        "MOVED_FROM": 609,
        "MOVED_TO": 610,
        "DELETE": 611,
    },
    "FileEventsDuration": 10.000000002,
    "FileInode": 19567988,
    "FileInodeLinkCount": 2,
    "FileDevice": "902h:there:/:/home:fuse.sshfs",
    "FilePermissions": "0640/-rw-r-----",
    "FilePermissionsBefore": "4751/-rwsr-x--x",
    "FileUser": "owner",
    "FileGroup": "wheel",
    "FileUID": 1004,
    "FileGID": 1005,
    "FileSize": 1701,
    "FileSizeChange": 701,
    "FileAccessTime": "Sun, Sep 13 2020 12:28:20.000000011 UTC",
    "FileStatusChangeTime": "Sun, Sep 13 2020 12:33:20.000000033 UTC",
    "FileModificationTime": "Sun, Sep 13 2020 12:31:47.000000022 UTC",
    "FileModificationTimeChange": 7.000000007,
    "InfoTime": "2023-11-14T22:15:31.000000001Z",
    **DETAILS,
    "FileNotes": ["PATH_UNRESOLVED", "STALE"],
}
# its path went ahead, with a flag of its own; nothing was executed or renamed
FILE_WITH_PATH_AHEAD: Keys = {key: value for key, value in FILE.items() if key != "FileOrigin"} | {
    "FileMode": "symlink",
    "FilePermissions": "0777/lrwxrwxrwx",
    "FileEventCount": 6063,
    "FileEvents": {name: n for name, n in FILE["FileEvents"].items() if name != "OPEN_EXEC"},
    "FileNotes": ["PATH_UNRESOLVED"],
}
# parts are added up: who and what was before comes from the first, what it is now from the last
FILE_FAILED: Keys = {}
for _key, _value in FILE.items():
    if _key == "FileEvents":
        FILE_FAILED |= {"FileEvents": {}, "FileEventsFailed": _value, "FileError": "EACCES"}
    elif _key not in {"FileOrigin", "FilePermissionsBefore", "FileNotes"}:
        FILE_FAILED[_key] = _value
FILE_FAILED["FileEventCount"] = 0
FILE_IN_PARTS: Keys = FILE

SOCKET_INFO: Keys = {
    "InfoSequenceNumber": 1,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:41.000000003 UTC",
    "InfoMonitor": "socket",
    **HOST,
    "InfoUptime": 41.000000003,
    **PROCESS,
    "ProcAge": 51.000000003,
}
TX: Keys = {
    "SockTxInterface": "4:enp5s0:0c:c4:7a:88:84:c2",
    "SockTxDataPackets": 2008,
    "SockTxPackets": 2006,
    "SockTxPacketsRetrans": 5005,
    "SockTxPacketsDups": 5006,
    "SockTxFlags": {"SYN": 2020, "ACK": 2022, "PSH-ACK": 2024},
    "SockTxDuration": 5.000004,
    "SockTxBytes": 50300,
    "SockTxBytesAcked": 49500,
    "SockTxBytesRetrans": 700,
    "SockTxRTO": 204,
}
RX: Keys = {
    "SockRxInterface": "5:wlan0:0c:c4:7a:88:84:c3",
    "SockRxDataPackets": 3008,
    "SockRxPackets": 3006,
    "SockRxPacketsQueued": 7002,
    "SockRxPacketsDrop": 7001,
    "SockRxPacketsReorder": 5007,
    "SockRxPacketsFrag": 3009,
    "SockRxFlags": {"SYN-ACK": 3020, "FIN-ACK": 3022, "FIN-PSH-ACK": 3024},
    "SockRxDuration": 5.000006,
    "SockRxBytes": 72999,
    "SockRxTTL": 3002,
    "SockRTT": 0.005008,
}
TCP_CLIENT: Keys = {
    **SOCKET_INFO,
    "SockProtocol": "TCP",
    "SockRole": "CLIENT",
    "SockState": "TCP_CLOSE_WAIT",
    "SockFamily": "AF_INET",
    "SockLocalIP": "38.110.1.24",
    "SockLocalPort": 43302,
    "SockRemoteIP": "15.197.142.173",
    "SockRemotePort": 443,
    **TX,
    **RX,
    "SockAge": 22.000000003,
    "InfoTime": "2023-11-14T22:15:41.000000003Z",
    **DETAILS,
    "SockNetNS": 406,
    "SockNotes": ["FLAGS_INCOMPLETE"],
    "SockCommunityID": "1:YimwceYpcIeWSIP6GHmZst/tbJY=",
    "SockTcpIsn": [3_000_000_007, 2_000_000_003],
}
TCP_SERVER: Keys = {
    **SOCKET_INFO,
    "SockProtocol": "TCP",
    "SockRole": "SERVER",
    "SockState": "TCP_LAST_ACK",
    "SockFamily": "AF_INET6",
    "SockLocalIP": "2001:db8:102:304:506:708:90a:b0c",
    "SockLocalPort": 43302,
    "SockRemoteIP": "fe80:1516:1718:191a:1b1c:1d1e:1f20:2122",
    "SockRemotePort": 443,
    **RX,
    **TX,
    "SockAge": 22.000000003,
    "InfoTime": "2023-11-14T22:15:41.000000003Z",
    **DETAILS,
    "SockNetNS": 406,
    "SockNotes": ["FLAGS_INCOMPLETE"],
    "SockCommunityID": "1:Zacs5r+xnUjBl+5VjCJ/6Zum3IY=",
    "SockTcpIsn": [2_000_000_003, 3_000_000_007],
}
UDP: Keys = {
    **SOCKET_INFO,
    "SockProtocol": "UDP",
    "SockRole": "CLIENT",
    "SockState": "UDP_ESTABLISHED",
    "SockFamily": "AF_INET",
    "SockLocalIP": "38.110.1.24",
    "SockLocalPort": 43302,
    "SockRemoteIP": "15.197.142.173",
    "SockRemotePort": 443,
    "SockTxInterface": "4:enp5s0:0c:c4:7a:88:84:c2",
    "SockTxPackets": 2006,
    "SockTxDuration": 5.000004,
    "SockTxBytes": 2001,
    "SockRxInterface": "5:wlan0:0c:c4:7a:88:84:c3",
    "SockRxPackets": 3006,
    "SockRxPacketsQueued": 7002,
    "SockRxPacketsDrop": 7001,
    "SockRxPacketsFrag": 3009,
    "SockRxDuration": 5.000006,
    "SockRxBytes": 3001,
    "SockRxTTL": 3002,
    "SockAge": 22.000000003,
    "InfoTime": "2023-11-14T22:15:41.000000003Z",
    **DETAILS,
    "SockNetNS": 406,
    "SockNotes": ["FLAGS_INCOMPLETE"],
    "SockCommunityID": "1:H+gpqvhUp5KbneBJqkwM68Po8/g=",
}
# neither the other end nor a flow
PEERS_FOLDED: Keys = {
    k: v for k, v in UDP.items() if "Remote" not in k and k != "SockCommunityID"
} | {
    "SockNotes": ["FOLDED"],
    "SockPeersFolded": 7101,
}
SOCKETS_FOLDED: Keys = {k: v for k, v in PEERS_FOLDED.items() if k != "SockPeersFolded"} | {
    "InfoSequenceNumber": 2,
    "SockSocketsFolded": 7102,
}
UDP_CLOSED: Keys = UDP | {"SockState": "UDP_CLOSE"}
INTERIM: Keys = TCP_CLIENT | {"SockNotes": ["INTERIM"]}
OTHER: Keys = TCP_CLIENT | {"InfoSequenceNumber": 2}
# what happened since the record before; times and estimates are those of the end
GROWTH: Keys = {key: value for key, value in TCP_CLIENT.items() if key != "SockNotes"} | {
    "InfoSequenceNumber": 3,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:42.000000003 UTC",
    "InfoTime": "2023-11-14T22:15:42.000000003Z",
    "InfoUptime": 42.000000003,
    "ProcAge": 52.000000003,
    "SockState": "TCP_CLOSE",
    "SockTxDataPackets": 15,
    "SockTxPackets": 13,
    "SockTxPacketsRetrans": 38,
    "SockTxPacketsDups": 39,
    "SockTxFlags": {"SYN": 51, "ACK": 52, "PSH-ACK": 53},
    "SockTxDuration": 17.0,
    "SockTxBytes": 68,
    "SockTxBytesAcked": 31,
    "SockTxBytesRetrans": 32,
    "SockTxRTO": 372,
    "SockRxDataPackets": 25,
    "SockRxPackets": 23,
    "SockRxPacketsQueued": 7003,
    "SockRxPacketsDrop": 43,
    "SockRxPacketsReorder": 40,
    "SockRxPacketsFrag": 26,
    "SockRxFlags": {"SYN-ACK": 61, "FIN-ACK": 62, "FIN-PSH-ACK": 63},
    "SockRxDuration": 27.0,
    "SockRxBytes": 133,
    "SockRxTTL": 28,
    "SockRTT": 0.005049,
    "SockAge": 23.000000003,
}


def user(name: str, pid: int, tx_bytes: int, rx_bytes: int) -> Keys:
    """Return an entry of SockUsers."""
    return {"Proc": name, "ProcPID": pid, "TxBytes": tx_bytes, "RxBytes": rx_bytes}


def used(record: Keys, *users: Keys) -> Keys:
    """Return a record with SockUsers, which stands ahead of what tells its flow."""
    flow = {key: record[key] for key in ("SockCommunityID", "SockTcpIsn") if key in record}
    return {k: v for k, v in record.items() if k not in flow} | {"SockUsers": [*users]} | flow


USED_INTERIM: Keys = used(
    INTERIM,
    user("dash/sh", 301, 6101, 6102),
    user("cat", 311, 6111, 6112),
    {"TxBytes": 6103, "RxBytes": 6104},
)
# since the record before
USED: Keys = used(
    GROWTH | {"InfoSequenceNumber": 2},
    user("dash/sh", 301, 101, 103),
    user("cat", 311, 120, 121),
    user("nc", 312, 6121, 6122),
    {"TxBytes": 107, "RxBytes": 111},
)
USED_BY_OTHERS: Keys = used(TCP_CLIENT, {"TxBytes": 6103, "RxBytes": 6104})
UDP_USED: Keys = used(
    UDP,
    user("dash/sh", 301, 101, 102),
    user("cat", 311, 111, 112),
    {"TxBytes": 1789, "RxBytes": 0},
)

UNIX_CLIENT: Keys = {
    "InfoSequenceNumber": 1,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:51.000000004 UTC",
    "InfoMonitor": "socket",
    **HOST,
    "InfoUptime": 51.000000004,
    **PROCESS,
    "ProcAge": 61.000000004,
    "SockRole": "CLIENT",
    "SockAddress": "/dev/log",
    "SockFamily": "AF_UNIX",
    "SockTxBytes": 8101,
    "SockRxBytes": 8102,
    "SockAge": 34.000000004,
    "InfoTime": "2023-11-14T22:15:51.000000004Z",
    **DETAILS,
    "SockType": "STREAM",
    "SockTxMessages": 8103,
    "SockRxMessages": 8104,
    "SockNotes": ["SNAPSHOT"],
}
UNIX_SERVER: Keys = UNIX_CLIENT | {
    "SockRole": "SERVER",
    "SockAddress": "@bus",
    "SockType": "SEQPACKET",
}
UNIX_USED: Keys = UNIX_CLIENT | {
    "SockUsers": [user("dash/sh", 301, 6101 + 6151, 6102 + 6163), *USED_INTERIM["SockUsers"][1:]]
}
UNIX_FOLDED: Keys = UNIX_CLIENT | {"SockNotes": ["FOLDED"], "SockSocketsFolded": 8105}
# from the base on; packets that were seen before it are part of it
FROM_BEFORE: Keys = (
    TCP_CLIENT
    | GROWTH
    | {
        "InfoSequenceNumber": 1,
        "SockTxDataPackets": 2023,
        "SockTxPackets": 2019,
        "SockTxFlags": {"SYN": 2071, "ACK": 2074, "PSH-ACK": 2077},
        "SockTxDuration": 22.000004,
        "SockTxBytes": 2069,
        "SockRxDataPackets": 3033,
        "SockRxPackets": 3029,
        "SockRxPacketsFrag": 3035,
        "SockRxFlags": {"SYN-ACK": 3081, "FIN-ACK": 3084, "FIN-PSH-ACK": 3087},
        "SockRxDuration": 32.000006,
        "SockRxBytes": 3134,
        "SockRxTTL": 2978,
        "SockNotes": ["SNAPSHOT"],
    }
)
# names that are not known are empty, numbers are absent
UNIX_WITHOUT_OWNER: Keys = {
    "InfoSequenceNumber": 1,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:51.000000004 UTC",
    "InfoMonitor": "socket",
    **HOST,
    "InfoUptime": 51.000000004,
    "ProcParent": "",
    "Proc": "",
    "ProcUser": "",
    "ProcGroup": "",
    "SockRole": "CLIENT",
    "SockAddress": "/dev/log",
    "SockFamily": "AF_UNIX",
    "SockTxBytes": 8101,
    "SockRxBytes": 8102,
    "SockAge": 34.000000004,
    "InfoTime": "2023-11-14T22:15:51.000000004Z",
    "ProcNotes": ["NO_OWNER"],
    "SockType": "STREAM",
    "SockTxMessages": 8103,
    "SockRxMessages": 8104,
}
EXIT = ProcessExit(
    ts_ns=100_000_000_071,
    process=Process(
        start_ns=90_000_000_000,
        parent_start_ns=80_000_000_000,
        tgid=301,
        tid=302,
        ppid=303,
        uid=1001,
        gid=1002,
        euid=1006,
        egid=1007,
        cgroup_id=401,
        login_uid=1003,
        session_id=402,
        mnt_ns=403,
        net_ns=405,
        flags=0,
        execs=9,
        comm="sh",
    ),
    status=256,
    cpu_ns=72,
    peak_rss=73,
)

HEALTH: Keys = {
    "InfoSequenceNumber": 7,
    "InfoTimestamp": "Tue, Nov 14 2023 22:15:00.000000061 UTC",
    "InfoMonitor": "health",
    **HOST,
    "InfoUptime": 0.000000061,
    "HealthFileEvents": 701,
    "HealthFileReported": 6666,
    "HealthFileLostMap": 703,
    "HealthFileLostRing": 704,
    "HealthFileLostPending": 705,
    "HealthPathLostRing": 0,
    "HealthPathTruncated": 707,
    "HealthSockCreated": 708,
    "HealthSockReported": 2,
    "HealthSockLostMap": 710,
    "HealthSockLostRing": 711,
    "HealthUnixCreated": 712,
    "HealthUnixReported": 3,
    "HealthUnixLostMap": 714,
    "HealthUnixLostRing": 715,
    "HealthProcEvents": 716,
    "HealthProcLostRing": 717,
    "HealthReadFailed": 718,
    "HealthFileHidden": 719,
    "HealthSockHidden": 720,
    "HealthPayloadLostRing": 721,
    "HealthPayloadLostShare": 722,
    "HealthMissedRuns": 790,
    "HealthDecodeUnknown": 801,
    "HealthDecodeShort": 802,
    "HealthDecodeCorrupt": 803,
    "HealthPathsEvicted": 804,
    "HealthPartialsEvicted": 805,
    "HealthSocketsEvicted": 806,
    "HealthProcessesEvicted": 807,
    "HealthProcessesUnknown": 808,
    "HealthFileRecords": 809,
    "HealthNamesLost": 810,
    "HealthProcessesIncomplete": 811,
    "HealthRecordsFailed": 812,
    "HealthNamesFailed": 813,
    "HealthRecordingLost": 814,
    "HealthLookupsLost": 815,
    "HealthEndsLost": 816,
    "HealthRecordsWaiting": 817,
    "HealthWaitsEnded": 818,
    "HealthRecordsHidden": 819,
    "HealthDescendantsLost": 820,
    "HealthMessagesLost": 821,
    "HealthConversationsLost": 822,
    "HealthRemoteNamesEvicted": 823,
    "HealthPluginFaults": 824,
    "HealthPluginPartsLost": 825,
    "HealthPluginsDisabled": 826,
    "InfoTime": "2023-11-14T22:15:00.000000061Z",
}
