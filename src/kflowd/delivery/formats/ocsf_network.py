# SPDX-License-Identifier: Apache-2.0
"""Records of sockets as OCSF's network activity."""

from msgspec import UNSET

from kflowd.delivery.formats.documents import Document, known
from kflowd.delivery.formats.ocsf_event import (
    FAILURE,
    MILLISECOND_NS,
    SUCCESS,
    UNKNOWN,
    Activity,
    EventClass,
    actor_of,
    at,
    event_of,
)
from kflowd.serialize.record import SocketRecord, UnixRecord

NETWORK = EventClass(4001, 4, "Network Activity")
CLOSE, RESET = Activity(2, "Close"), Activity(3, "Reset")
FAIL, REFUSE = Activity(4, "Fail"), Activity(5, "Refuse")
TRAFFIC = Activity(6, "Traffic")
INBOUND, OUTBOUND, LOCAL = 1, 2, 4
SOURCE, DESTINATION = 1, 2
NUMBERS = {"TCP": 6, "UDP": 17}
FAMILIES = {"AF_INET": 4, "AF_INET6": 6}
LOOPBACK = ("127.", "::1", "::ffff:127.")

# The keys that the attributes hold, whole.
OF_SOCKET = frozenset((
    "ProcAge", "SockProtocol", "SockRole", "SockFamily", "SockLocalIP", "SockLocalPort",
    "SockRemoteIP", "SockRemotePort", "SockTxBytes", "SockTxPackets", "SockRxBytes",
    "SockRxPackets", "SockAge", "SockCommunityID", "App",
))  # fmt: skip
OF_UNIX = frozenset((
    "ProcAge", "SockRole", "SockAddress", "SockTxBytes", "SockRxBytes", "SockAge", "App",
))  # fmt: skip


def socket_event(record: SocketRecord) -> Document:
    """Return the event of a TCP or UDP record."""
    it, tx, rx = record.socket, record.tx, record.rx
    event = _network_event(record, _activity(record))
    sent = (0, 0) if tx is None else (tx.SockTxBytes, tx.SockTxPackets)
    received = (0, 0) if rx is None else (rx.SockRxBytes, rx.SockRxPackets)
    _add_ends(event, record, *ends_of(record))
    event["connection_info"] = connection_of(record)
    out, back = (received, sent) if it.SockRole == "SERVER" else (sent, received)
    event["traffic"] = {
        "bytes": out[0] + back[0],
        "bytes_out": out[0],
        "bytes_in": back[0],
        "packets": out[1] + back[1],
        "packets_out": out[1],
        "packets_in": back[1],
    }
    return event


def ends_of(record: SocketRecord) -> tuple[Document, Document]:
    """Return this end and the other one, {} if it is not known."""
    it = record.socket
    local = known(ip=it.SockLocalIP, port=it.SockLocalPort)
    if "ip" not in local:  # of a fold; an endpoint needs a name
        local["hostname"] = record.host.InfoHostName
    return local, known(ip=it.SockRemoteIP, port=it.SockRemotePort)


def connection_of(record: SocketRecord) -> Document:
    """Return what kind of connection it is."""
    it, extra = record.socket, record.extra
    return {
        "direction_id": _direction(record),
        **known(
            protocol_name=it.SockProtocol.lower(),
            protocol_num=NUMBERS.get(it.SockProtocol, UNSET),
            protocol_ver_id=UNSET if it.SockFamily is UNSET else FAMILIES.get(it.SockFamily, UNSET),
            community_uid=UNSET if extra is None else extra.SockCommunityID,
        ),
    }


def unix_event(record: UnixRecord) -> Document:
    """Return the event of a UNIX socket."""
    it = record.unix
    event = _network_event(record, TRAFFIC)
    # both are on this host; the path is the server's
    here: Document = {"hostname": record.host.InfoHostName}
    there = known(name=it.SockAddress) or here
    ends = (there, here) if it.SockRole == "SERVER" else (here, there)
    _add_ends(event, record, *ends)
    event["connection_info"] = {"direction_id": LOCAL}
    out, back = it.SockTxBytes, it.SockRxBytes
    if it.SockRole == "SERVER":
        out, back = back, out
    event |= known(traffic=known(bytes_out=out, bytes_in=back))
    return event


def _network_event(record: SocketRecord | UnixRecord, activity: Activity) -> Document:
    event = event_of(record, NETWORK, activity)
    age = max(record.socket_age.SockAge, 0)
    event |= {
        "status_id": FAILURE if activity in (FAIL, REFUSE) else SUCCESS,
        **at("start_time", record.stamp.InfoTimestamp - age),
        "duration": age // MILLISECOND_NS,
        **known(actor=actor_of(record)),
    }
    if record.app is not None:
        event["app_protocol_name"] = record.app.App.lower()
    return event


def _add_ends(
    event: Document, record: SocketRecord | UnixRecord, local: Document, remote: Document
) -> None:
    """Add both ends; who began is the source, and this end where that is not known."""
    role = record.socket.SockRole if isinstance(record, SocketRecord) else record.unix.SockRole
    source, destination = (remote, local) if role == "SERVER" else (local, remote)
    event |= known(src_endpoint=source, dst_endpoint=destination)
    event["is_src_dst_assignment_known"] = role is not UNSET
    event["observation_point_id"] = {"CLIENT": SOURCE, "SERVER": DESTINATION}.get(role or "", 0)


def _direction(record: SocketRecord) -> int:
    it = record.socket
    remote = it.SockRemoteIP or ""
    if remote and (remote == it.SockLocalIP or remote.startswith(LOOPBACK)):
        return LOCAL
    return {"CLIENT": OUTBOUND, "SERVER": INBOUND}.get(it.SockRole or "", UNKNOWN.id)


def _activity(record: SocketRecord) -> Activity:
    """Return how a connection ended; of what goes on, or is none, what went over it."""
    notes = () if record.extra is None else record.extra.SockNotes or ()
    if record.socket.SockState != "TCP_CLOSE" or "INTERIM" in notes or "FOLDED" in notes:
        return TRAFFIC
    sent, received = (
        {} if flags is UNSET else dict(flags.pairs)
        for flags in (
            UNSET if record.tx is None else record.tx.SockTxFlags,
            UNSET if record.rx is None else record.rx.SockRxFlags,
        )
    )
    asked = record.socket.SockRole == "CLIENT" and "SYN" in sent
    if asked and not received:
        return FAIL
    if not any("RST" in name for name in (*sent, *received)):
        return CLOSE
    return RESET if not asked or "SYN-ACK" in received else REFUSE
