"""The Jupyter server that is started on this machine: its port, its process, and its end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from in_jupyter import output, soon

from autogen_like import ConfigError, JupyterCodeExecutor, LocalJupyterServer
from autogen_like.coding.jupyter import servers


def newer() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


NEWER = newer()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_port_that_is_taken_is_told(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"listen on '127\.0\.0\.1', port {port}:.* a port that is free, or none"
        ):
            LocalJupyterServer(port=port)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("ip", ["192.0.2.1", "no.such.host.invalid"])
def test_where_nothing_can_listen_is_told(ip, place):
    with pytest.raises(ConfigError, match="Give an address of this machine"):
        LocalJupyterServer(ip)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("port", [70_000, -1, "8888"])
def test_what_is_no_port_is_refused(port, place):
    with pytest.raises(ConfigError, match="port must be a number up to 65535"):
        LocalJupyterServer(port=port)
    assert list(place.iterdir()) == []


def test_a_server_whose_process_ends_shows_what_it_said_and_leaves_nothing(place, monkeypatch):
    monkeypatch.setattr(servers, "_RUN", "raise SystemExit('no luck')")
    with pytest.raises(ConfigError, match="the Jupyter server did not start:\nno luck"):
        LocalJupyterServer()
    assert list(place.iterdir()) == []


def test_a_port_is_the_servers_before_its_process_runs(monkeypatch):
    waiting = []
    start = subprocess.Popen

    def between(*args, **kwargs):
        with socket.socket(fileno=os.dup(kwargs["pass_fds"][0])) as listening:
            address = listening.getsockname()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request("GET", "/api")  # nobody answers yet, and nobody refuses
        waiting.append(connection)
        return start(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", between)
    with LocalJupyterServer() as server, contextlib.closing(waiting.pop()) as connection:
        assert connection.getresponse().status == http.HTTPStatus.OK
        assert connection.port == server.connection_info.port


def test_kernels_of_a_server_speak_through_files_that_only_this_user_reaches(place):
    code = "from ipykernel.connect import get_connection_info\nprint(get_connection_info())"
    with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
        told = json.loads(output(executor, code))
        assert told["transport"] == "ipc"
        assert Path(told["ip"]).is_relative_to(place)
        assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o700}


def test_where_the_folders_path_is_too_long_for_sockets_kernels_have_ports(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
        assert output(executor, "1") == "1\n"


@pytest.mark.skipif(not NEWER, reason="this machine has no addresses of IPv6")
def test_a_server_may_have_an_address_of_ipv6():
    with LocalJupyterServer("::1") as server, JupyterCodeExecutor(server) as executor:
        assert output(executor, "1") == "1\n"


def test_an_empty_token_is_refused():
    with pytest.raises(ConfigError, match="token must not be empty"):
        LocalJupyterServer(token="")


def test_without_jupyter_server_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("autogen_like.coding.jupyter.servers.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'autogen_like\[jupyter\]'"):
        LocalJupyterServer()


PARENT = """
import os, signal
from autogen_like import CodeBlock, JupyterCodeExecutor, LocalJupyterServer
server = LocalJupyterServer()
executor = JupyterCodeExecutor(server)
block = CodeBlock("import os; print(os.getpid(), os.getppid())", "python")
print(executor.execute_code_blocks([block]).output, flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_server_and_its_kernels_end_with_their_parent_however_that_ends(end, place):
    env = {**os.environ, "TMPDIR": str(place)}
    code = PARENT.format(end=end)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    assert soon(lambda: not any(map(alive, pids)))
    if end == "pass":
        assert done.stderr == ""
        assert list(place.iterdir()) == []
