# SPDX-License-Identifier: Apache-2.0
"""Numbers of the kernel and of protocols that several stages need.

They stand here because a pure stage does not import `socket`, whose numbers are those of the
machine it runs on; a recording is read on any machine.
"""

SECOND_NS = 1_000_000_000
UNSET_ID = 0xFFFFFFFF  # login uid or session that was never set (audit: (uid_t)-1)
AF_INET = 2
AF_INET6 = 10
IPPROTO_TCP = 6
IPPROTO_UDP = 17
ALIGNMENT = 8  # each record begins at a multiple of this many bytes
# Number of the root of cgroup2: of all groups alike, as the rest of them is not counted by it.
ROOT_CGROUP = 1
