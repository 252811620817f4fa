# SPDX-License-Identifier: Apache-2.0
"""TLS as far as it is in clear: the hellos of both ends, RFC 8446 4.1, 5246 7.4.1 and before."""

from kflowd.protocols.tls.application import TLS, Tls

__all__ = ["TLS", "Tls"]
