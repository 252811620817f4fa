# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1, 1.0 and 0.9: RFC 9110, 9112 and 1945; HTTP/2 in clear: RFC 9113."""

from kflowd.protocols.http.application import HTTP, Http

__all__ = ["HTTP", "Http"]
