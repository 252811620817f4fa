# SPDX-License-Identifier: Apache-2.0
"""DNS: queries and responses of datagrams and connections, mDNS and LLMNR too."""

from kflowd.protocols.dns.application import DNS, Dns

__all__ = ["DNS", "Dns"]
