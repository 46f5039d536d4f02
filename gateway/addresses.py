"""The caller's address; that of a proxy in front, unless CABINE_GATEWAY_TRUSTED_PROXIES counts it."""

from __future__ import annotations

import ipaddress

from flask import request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def caller_address() -> Address | None:
    """None: a local socket has none."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None
    # A socket that listens on `::` gives IPv4 callers an IPv6 address, all of one network.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
