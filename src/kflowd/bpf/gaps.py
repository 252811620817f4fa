# SPDX-License-Identifier: Apache-2.0
"""What an attach mode cannot see of a class of events, in the words of doctor."""

NO_RINGS = "what io_uring does is not seen"
NO_IO_URING = "what io_uring and 32-bit system calls do is not seen"
ATTEMPTS = (
    "what io_uring, AIO and 32-bit system calls, sendfile, splice, copy_file_range, ioctl and "
    "open_by_handle_at attempt is not seen, nor what a signal has interrupted"
)
NO_SPLICE = "what io_uring, sendfile, splice and 32-bit system calls do is not seen"
NOT_CALLED = "what io_uring and AIO do is not seen; on arm64 what 32-bit system calls do, too"
NO_NESTED_SCRIPTS = "of scripts that interpret each other the first one is seen alone"
NAMES_AS_TEXT = (
    "a path whose inode no tracepoint names is reported as it was given, without the inode; one "
    "that is below several mounts of a file system may be through any of them; " + NOT_CALLED
)
ONE_OF_TWO = (
    "the file that a rename replaces or exchanges is not seen; one between two names of a file, "
    "which does nothing, is reported, and so is what is no file and replaces one; "
)
LEAPS = (
    "the moment of a leap second, or of a step by a 32-bit call, is known to about a millisecond"
)
NO_POLLED_RINGS = "what io_uring that polls a device reads and writes is not seen"
STORES = (
    "where nothing is told of a store to a page that was read before (tmpfs, memfd), and on "
    "overlayfs, the record has the note MAPPED_WRITABLE; of mappings from before the start it has "
    "none"
)
MAPPED_ALONE = (
    "stores are not told: the record has the note MAPPED_WRITABLE; a mapping that mprotect makes "
    "writable is not seen; on arm64 what 32-bit system calls map is not seen"
)
