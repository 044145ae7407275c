"""Getting what a person named by its address, and nothing else: no private addresses, no file larger than expected."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from urllib.parse import urljoin, urlsplit

from ...core.errors import ConfigError

LARGEST = 20 * 2**20  # bytes
TIMEOUT = 30.0  # seconds without a byte
LONGEST = 120.0  # seconds in all
_REDIRECTS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_MOVED = (301, 302, 303, 307, 308)


def fetch(url: str, *, largest: int = LARGEST, private: bool = False) -> tuple[bytes, str]:
    """The body behind an ``http(s):`` address, and its content type.

    The host is looked up once, and the address that was checked is the one that is connected to, so a name that changes
    its mind leads nowhere. Each redirect is checked in the same way. No cookies, no credentials, no proxy.

    Args:
        url: The address. Give it only what a person or the program named: never what a model or a document said.
        largest: How many bytes are read at most.
        private: Whether addresses of this machine and of private networks may be asked.

    Raises:
        ConfigError: If the address can't be, or leads to a private network.
        OSError: If nothing comes back, or too much.
    """
    for _ in range(_REDIRECTS + 1):
        status, body, headers = _get(url, largest, private=private)
        if status not in _MOVED:
            if status != 200:
                raise OSError(f"{url} answered with status {status}")
            return body, (headers.get_content_type() or "application/octet-stream")
        url = urljoin(url, headers.get("Location") or "")
    raise OSError(f"{url}: more than {_REDIRECTS} redirects")


def _get(url: str, largest: int, *, private: bool) -> tuple[int, bytes, http.client.HTTPMessage]:
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ConfigError(f"{url!r} must be an http: or https: address without a user's name")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ConfigError(f"{url!r} has no valid port") from None
    address = _checked(host, port, private=private)
    connection = _Pinned(host, port, address, secure=parts.scheme == "https")
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", path, headers={"User-Agent": "autogen_like"})
        except http.client.InvalidURL as error:
            raise ConfigError(f"{url!r} can't be asked for: {error}") from None
        response = connection.getresponse()
        body = _body(response, url, largest)
    except http.client.HTTPException as error:
        raise OSError(f"{url} did not answer as HTTP servers do: {error!r}") from error
    else:
        return response.status, body, response.msg
    finally:
        connection.close()


def _body(response: http.client.HTTPResponse, url: str, largest: int) -> bytes:
    body, deadline = bytearray(), time.monotonic() + LONGEST
    while piece := response.read1(65_536):
        body += piece
        if len(body) > largest:
            raise OSError(f"{url} is larger than {largest:,} bytes")
        if time.monotonic() > deadline:
            raise OSError(f"{url} took longer than {LONGEST:g} s")
    return bytes(body)


def _checked(host: str, port: int, *, private: bool) -> str:
    """The address of a host that may be asked."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (socket.gaierror, UnicodeError) as error:
        raise OSError(f"{host} can't be found: {error}") from error
    if not private:
        inside = sorted(address for address in found if not _is_public(address))
        if inside:
            raise ConfigError(
                f"{host} is {inside[0]}, of a private network or this machine: pass private=True if that is meant"
            )
    return min(found, key=lambda address: (":" in address, address))


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.sixtofour or ip.teredo or ip in _NAT64:  # they lead to an IPv4 address that is written in them
            return False
        ip = ip.ipv4_mapped or ip
    return ip.is_global and not ip.is_multicast


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was looked up before, in the name of its host."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._address = address
        self._tls = ssl.create_default_context() if secure else None
        self.default_port = 443 if secure else 80  # so that the Host header names no port that goes without saying

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls is not None:
            try:
                self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
            except BaseException:
                self.sock.close()
                raise
