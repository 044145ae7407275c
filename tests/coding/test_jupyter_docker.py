"""Kernels in a container: of a Jupyter server that has no network, reached through docker exec."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time

import pytest

from autogen_like import CodeBlock, ConfigError, DockerJupyterServer, JupyterCodeExecutor
from autogen_like.coding.docker_reaper import OWNER, owner

pytestmark = [pytest.mark.needs_docker, pytest.mark.slow, pytest.mark.xdist_group("docker")]


def run(executor: JupyterCodeExecutor, *codes: str):
    return executor.execute_code_blocks([CodeBlock(code, "python") for code in codes])


def containers(label: str = OWNER) -> set[str]:
    """The containers with a label."""
    command = ["docker", "ps", "-aq", "--no-trunc", "--filter", f"label={label}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def ours() -> set[str]:
    """The containers of this process; other tests run beside this one."""
    return containers(f"{OWNER}={owner()}")


def soon(condition) -> bool:
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def server(docker_image):
    with DockerJupyterServer(custom_image_name=docker_image) as server:
        yield server


@pytest.fixture
def executor(server, tmp_path):
    with JupyterCodeExecutor(server, timeout=60, output_dir=tmp_path) as executor:
        yield executor


def test_code_remembers_and_what_it_shows_comes_out(executor, tmp_path):
    result = run(executor, "x = 6", "from IPython.display import HTML\nprint(x * 7)\nHTML('<p>out</p>')")
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "42")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["<p>out</p>"]


def test_code_has_no_network_no_rights_and_none_of_our_variables(executor, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    shown = run(
        executor,
        "import os, socket\nprint(os.getuid(), 's3cret' in str(os.environ), [n for _, n in socket.if_nameindex()])",
    )
    assert shown.output == "65534 False ['lo']\n"
    assert "Read-only file system" in run(executor, "open('/etc/new', 'w')").output


def test_the_port_is_this_machines_alone_and_asks_for_the_token(server):
    info = server.connection_info
    assert info.host == "127.0.0.1"
    ports = subprocess.run(["docker", "port", server.container_id], capture_output=True, text=True, check=False).stdout
    assert ports == ""
    with pytest.raises(ConfigError, match="refuses the token"):
        JupyterCodeExecutor(type(info)("127.0.0.1", use_https=False, port=info.port, token="wr0ng"))


def test_a_time_out_keeps_the_state_and_a_death_is_said(server, tmp_path):
    with JupyterCodeExecutor(server, timeout=5, output_dir=tmp_path) as executor:
        assert run(executor, "kept = 1\nimport time; time.sleep(600)").exit_code == 124
        assert run(executor, "kept").output == "1\n"
        assert "All variables, imports and functions are lost" in run(executor, "import os; os._exit(1)").output
        assert run(executor, "2").output == "2\n"


def test_it_is_removed_when_it_is_stopped_or_dropped(docker_image):
    stopped = DockerJupyterServer(custom_image_name=docker_image)
    stopped.stop()
    stopped.stop()
    assert stopped.container_id not in containers()
    name = f"autogen_like-dropped-{os.getpid()}"
    dropped = DockerJupyterServer(custom_image_name=docker_image, container_name=name)
    there = {dropped.container_id}
    assert there <= ours()
    del dropped
    gc.collect()
    assert soon(lambda: not there & ours())


PROGRAM = """
import sys
from autogen_like import DockerJupyterServer
server = DockerJupyterServer(custom_image_name=sys.argv[1])
print(server.container_id)
"""


def test_it_is_removed_when_the_program_ends(docker_image):
    done = subprocess.run([sys.executable, "-c", PROGRAM, docker_image], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() not in containers()


def test_a_container_that_is_removed_under_it_is_told(docker_image, tmp_path):
    server = DockerJupyterServer(custom_image_name=docker_image)
    with server, JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
        assert run(executor, "1").output == "1\n"
        subprocess.run(["docker", "rm", "-f", server.container_id], check=True, capture_output=True)
        assert soon(lambda: executor._session._kernel._death is not None)
        with pytest.raises(ConfigError, match="no Jupyter server answers"):
            run(executor, "1")


def test_a_server_that_does_not_start_is_told_and_leaves_nothing(docker_image):
    before = ours()
    with pytest.raises(ConfigError, match=r"did not start:\n.*No module named jupyter_server"):
        DockerJupyterServer(custom_image_name=docker_image, packages=None)
    assert ours() <= before


def test_an_empty_token_is_refused():
    with pytest.raises(ConfigError, match="token must not be empty"):
        DockerJupyterServer(token="")
