# SPDX-License-Identifier: Apache-2.0
"""Keys of health records: what was seen, reported and lost."""

from typing import Annotated, Any

from kflowd.serialize.keys import Block, Says

OUTPUT_LOST = "an output lost records"
# an entry of HealthOutputs
OUTPUT = {
    "Name": "of the output: stdout",
    "State": "up, retrying (it refused the last record, a full disk) or gone (nobody reads)",
    "Written": "records that are out, whole",
    "Queued": "records that wait",
    "Lost": "records that are lost for this output, the sum of those below",
    "LostFull": "there was no room in the queue: the reader is too slow, or stands still",
    "LostLate": "they had waited longer than the output's `queue.age`",
    "LostRefused": "they found no room while the output was retrying",
    "LostGone": "they were queued when the reader went away",
    "LostEnd": "they were queued when the run had to end; the summary alone can tell",
    "Filtered": "records that the output's `where` left out; they are in none of the others",
}


class HealthKernel(Block, frozen=True, kw_only=True, gc=False):
    """The kernel's counters; KF_CNT_FILE_EVENTS is HealthFileEvents."""

    HealthFileEvents: Annotated[int, Says("file events seen")]
    HealthFileReported: Annotated[int, Says("file events in records that left the kernel")]
    HealthFileLostMap: Annotated[int, Says("file events lost: table full")]
    HealthFileLostRing: Annotated[int, Says("file events lost: ring full")]
    HealthFileLostPending: Annotated[
        int, Says("operations not followed: table full, or no result seen")
    ]
    HealthPathLostRing: Annotated[int, Says("file records that left the kernel without a path")]
    HealthPathTruncated: Annotated[int, Says("paths that are not complete")]
    HealthSockCreated: Annotated[int, Says("connections and UDP peers begun, with or without room")]
    HealthSockReported: Annotated[
        int, Says("connections and UDP peers in records, folded ones too")
    ]
    HealthSockLostMap: Annotated[
        int, Says("connections and UDP peers without even a fold: table full")
    ]
    HealthSockLostRing: Annotated[int, Says("TCP and UDP records refused by the ring, swept later")]
    HealthUnixCreated: Annotated[int, Says("UNIX aggregates begun")]
    HealthUnixReported: Annotated[int, Says("UNIX aggregates that left the kernel")]
    HealthUnixLostMap: Annotated[int, Says("UNIX sockets without even a fold: table full")]
    HealthUnixLostRing: Annotated[int, Says("UNIX records refused by the ring, swept later")]
    HealthProcEvents: Annotated[int, Says("exec, fork and exit seen")]
    HealthProcLostRing: Annotated[int, Says("exec, fork and exit lost: ring full")]
    HealthReadFailed: Annotated[int, Says("kernel memory that could not be read")]
    HealthFileHidden: Annotated[int, Says("file events that filters hide in the kernel")]
    HealthSockHidden: Annotated[
        int, Says("connections and UDP peers that filters hide in the kernel")
    ]
    HealthPayloadLostRing: Annotated[
        int, Says("packets without room for their payload in the ring")
    ]
    HealthPayloadLostShare: Annotated[
        int, Says("packets whose payload is beyond the share of their process or user")
    ]


class HealthUser(Block, frozen=True, kw_only=True, gc=False):
    """What user space counted."""

    HealthMissedRuns: Annotated[
        int, Says("program runs that the kernel skipped and no standby made")
    ]
    HealthDecodeUnknown: Annotated[int, Says("records of an unknown kind or version")]
    HealthDecodeShort: Annotated[int, Says("records shorter than they say")]
    HealthDecodeCorrupt: Annotated[int, Says("batches given up because a size made no sense")]
    HealthPathsEvicted: Annotated[int, Says("paths dropped before their file record came")]
    HealthPartialsEvicted: Annotated[int, Says("file aggregates that became records early")]
    HealthSocketsEvicted: Annotated[int, Says("connections whose next record repeats totals")]
    HealthProcessesEvicted: Annotated[int, Says("running processes dropped from the table")]
    HealthProcessesUnknown: Annotated[
        int, Says("records of a process that the table does not know")
    ]
    HealthFileRecords: Annotated[int, Says("file records made")]
    HealthNamesLost: Annotated[int, Says("file records without their name, whatever the reason")]
    HealthProcessesIncomplete: Annotated[
        int, Says("records of a process that had run a program that nobody told of")
    ]
    HealthRecordsFailed: Annotated[int, Says("records that an internal error cost")]
    HealthNamesFailed: Annotated[int, Says("records that an internal error left without names")]
    HealthRecordingLost: Annotated[
        int, Says("records that the recording lacks since it had to end: a full disk")
    ]
    HealthLookupsLost: Annotated[
        int, Says("looks at namespaces, control groups and names: too many asked for")
    ]
    HealthEndsLost: Annotated[
        int, Says("ends of processes and sockets, too many at once: told when idle")
    ]
    HealthRecordsWaiting: Annotated[
        int, Says("records that wait for checksums or names, or behind one that does")
    ]
    HealthWaitsEnded: Annotated[
        int, Says("records that went without sums or names: too late, or too many waited")
    ]
    HealthRecordsHidden: Annotated[
        int, Says("records left out by filters, or of processes that a run is not for")
    ]
    HealthDescendantsLost: Annotated[
        int, Says("processes that the run is for, left out: too many at once")
    ]
    HealthMessagesLost: Annotated[
        int, Says("messages that were read and are in no record: too much was kept")
    ]
    HealthConversationsLost: Annotated[
        int, Says("sockets whose messages were given up: memory, or a decoder's fault")
    ]
    HealthRemoteNamesEvicted: Annotated[
        int, Says("answers of DNS that are not known any more: there were too many")
    ]
    HealthPluginFaults: Annotated[
        int, Says("faults of plugins: too slow, crashed, out of memory, errors, rubbish")
    ]
    HealthPluginPartsLost: Annotated[int, Says("what plugins were to read or label, and did not")]
    HealthPluginsDisabled: Annotated[int, Says("times that a plugin was put aside for its faults")]


class HealthDelivery(Block, frozen=True, kw_only=True, gc=False):
    """What became of records behind the pipeline; the block is there if an output lost some."""

    HealthOutputLost: Annotated[int, Says("records that outputs lost, added up", OUTPUT_LOST)]
    HealthOutputs: Annotated[
        list[dict[str, Any]], Says("what each output did, see below", OUTPUT_LOST)
    ]
