"""The one form of what can be written in several ways, so that a command has the same content however it came."""

import json
from ipaddress import ip_address
from typing import Any

from engine.deciding.syntax import EVENT_PAYLOAD_BYTES_MAX


def canonical_address(text: str) -> str:
    """An IP address as it is compared: `2001:DB8:0::1` → `2001:db8::1`. Raises ValueError."""
    if "%" in text:
        raise ValueError("an address without a zone is expected")
    return str(ip_address(text))


def canonical_payload(payload: dict[str, Any]) -> str:
    """JSON without spaces, members sorted by name: the same for every way to write the same payload.

    Raises ValueError if it has more than EVENT_PAYLOAD_BYTES_MAX bytes.
    """
    try:
        text = json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if len(text.encode()) > EVENT_PAYLOAD_BYTES_MAX:
        raise ValueError(f"must have at most {EVENT_PAYLOAD_BYTES_MAX} bytes as JSON")
    return text
