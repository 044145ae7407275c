"""How a server is reached, and what it lets clients ask of it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from ...core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # part of addresses, and of a folder's name for Triton


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server's settings.

    Args:
        name: What clients call the model.
        host: Address to listen on. Others than this machine's own need a key.
        port: Port to listen on; 0 takes any that is free.
        api_key: What clients must show; None lets in whoever reaches the port.
        max_requests: Most replies that are generated or wait for it; one more is told to come again later (429).
        max_reply_tokens: Most tokens of a reply, whatever the client asks; None is what the context holds.
        max_body_bytes: Longest request.
        body_seconds: Longest time for a client to send its request.
        shutdown_seconds: Longest time for replies to end once the server was told to stop.

    Raises:
        ConfigError: If the host needs a key, or a value can't be.

    Example:
        >>> ServerSettings("tiny", host="0.0.0.0")
        Traceback (most recent call last):
        autogen_like.core.errors.ConfigError: 'host' 0.0.0.0 lets other machines in, which needs a key: set ...
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = field(default=None, repr=False)
    max_requests: int = 256
    max_reply_tokens: int | None = None
    max_body_bytes: int = 4 << 20
    body_seconds: float = 30.0
    shutdown_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"'name' must be letters, digits, '.', '_', '+' and '-', not {self.name!r}")
        if self.api_key is not None and (not self.api_key.isascii() or not self.api_key.isprintable()):
            raise ConfigError("'api_key' must be printable ASCII, as HTTP headers are")
        if self.api_key is not None and len(self.api_key.strip()) < 8:
            raise ConfigError("'api_key' must be at least 8 characters long: `openssl rand -hex 24` makes a good one")
        if self.api_key is None and not is_loopback(self.host):
            raise ConfigError(
                f"'host' {self.host} lets other machines in, which needs a key: set AUTOGEN_LIKE_API_KEY (or "
                "--api-key), or listen on 127.0.0.1"
            )
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"'port' must be at least 0 and at most 65535, not {self.port}")
        for key in ("max_requests", "max_reply_tokens", "max_body_bytes", "body_seconds", "shutdown_seconds"):
            value = getattr(self, key)
            if value is not None and value <= 0:
                raise ConfigError(f"'{key}' must be more than 0, not {value}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("localhost"), is_loopback("[::1]"), is_loopback("192.168.0.1"), is_loopback("example.org")
        (True, True, False, False)
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
