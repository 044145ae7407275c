"""Where a Jupyter server is, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qs, urlsplit

from ...core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class JupyterConnectionInfo:
    """Where a Jupyter server or gateway answers.

    Args:
        host: Its name, with the path that it is served under where there is one: "hub.example.org/user/ada".
        use_https: Whether it speaks HTTPS.
        port: Its port; the usual one by default.
        token: Its token. Sent in a header alone, so that it stays out of addresses and logs.

    Example:
        >>> JupyterConnectionInfo("127.0.0.1", use_https=False, port=8888, token="secret").url("api")
        'http://127.0.0.1:8888/api'
    """

    host: str
    use_https: bool
    port: int | None = None
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.host or "://" in self.host or any(mark in self.host for mark in "?#@ "):
            raise ConfigError(
                "host must be a server's name, perhaps with a path, not an address; "
                "JupyterConnectionInfo.from_url takes an address"
            )

    @classmethod
    def from_url(cls, url: str, token: str | None = None) -> JupyterConnectionInfo:
        """Takes an address apart, as a Jupyter server prints it.

        Args:
            url: "http://127.0.0.1:8888/?token=..", or without the token.
            token: The token, where it isn't in the address.

        Raises:
            ConfigError: If it is no HTTP address.

        Example:
            >>> JupyterConnectionInfo.from_url("https://jupyter.example.org/lab?token=secret").host
            'jupyter.example.org'
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("the address of a Jupyter server begins with http:// or https:// and names a host")
        told = parse_qs(parts.query).get("token")
        path = parts.path.rstrip("/").removesuffix("/lab").removesuffix("/tree")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(host + path, parts.scheme == "https", port, token or (told[0] if told else None))

    def url(self, path: str, *, websocket: bool = False) -> str:
        """The address of something that the server has.

        Args:
            path: Its path, without a slash before it.
            websocket: Whether it is spoken to through a websocket.
        """
        host, _, base = self.host.partition("/")
        scheme = ("ws" if websocket else "http") + ("s" if self.use_https else "")
        port = f":{self.port}" if self.port is not None else ""
        base = f"{base.strip('/')}/" if base.strip("/") else ""
        return f"{scheme}://{host}{port}/{base}{path}"


@runtime_checkable
class JupyterConnectable(Protocol):
    """Whatever knows where a Jupyter server answers."""

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it answers."""
        ...
