# SPDX-License-Identifier: Apache-2.0
"""Syslog: RFC 5424 and 3164, /dev/log, and the native protocol of the journal."""

from kflowd.protocols.syslog.application import DEV_LOG, JOURNAL, SYSLOG, Syslog

__all__ = ["DEV_LOG", "JOURNAL", "SYSLOG", "Syslog"]
