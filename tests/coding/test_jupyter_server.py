"""Running code in kernels of a Jupyter server, spoken to by address and token."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from in_jupyter import output, run, soon

from autogen_like import (
    CodeBlock,
    ConfigError,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    LocalJupyterServer,
)

pytestmark = pytest.mark.xdist_group("jupyter_server")  # one server for all of them


@pytest.fixture(scope="module")
def server():
    with LocalJupyterServer() as server:
        yield server


@pytest.fixture
def executor(server, tmp_path):
    with JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
        yield executor


def kernels(server: LocalJupyterServer) -> list[str]:
    info = server.connection_info
    request = urllib.request.Request(info.url("api/kernels"), headers={"Authorization": f"token {info.token}"})
    with urllib.request.urlopen(request) as response:
        return [kernel["id"] for kernel in json.load(response)]


def test_a_kernel_of_a_server_remembers_and_shows(server, executor):
    assert isinstance(server, JupyterConnectable)
    result = run(executor, "x = 6", "display(x); print(x * 7)", "1 / 0")
    assert result.exit_code == 1
    assert result.output.startswith("6\n42\n")
    assert "ZeroDivisionError" in result.output
    assert output(executor, "x") == "6\n"


def test_files_are_saved_on_this_side(executor, tmp_path):
    result = run(executor, "from IPython.display import HTML\nHTML('<p>hello</p>')")
    assert Path(result.output_files[0]).parent == tmp_path
    assert Path(result.output_files[0]).read_text() == "<p>hello</p>"


def test_a_server_is_found_by_its_address(server, tmp_path):
    info = server.connection_info
    address = f"http://127.0.0.1:{info.port}/?token={info.token}"
    with JupyterCodeExecutor(JupyterConnectionInfo.from_url(address), output_dir=tmp_path) as executor:
        assert output(executor, "1") == "1\n"


def test_a_time_out_interrupts_and_keeps_the_state(server, tmp_path):
    with JupyterCodeExecutor(server, timeout=3, output_dir=tmp_path) as executor:
        result = run(executor, "kept = 1\nimport time\ntime.sleep(600)")
        assert (result.exit_code, "The kernel keeps its variables" in result.output) == (124, True)
        assert output(executor, "kept") == "1\n"


@pytest.mark.slow
def test_code_that_ignores_the_interrupt_costs_the_kernel(server, tmp_path):
    with JupyterCodeExecutor(server, timeout=2, output_dir=tmp_path) as executor:
        result = run(executor, "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)")
        assert (result.exit_code, "did not stop" in result.output) == (124, True)
        assert output(executor, "1") == "1\n"


def test_a_kernel_that_dies_in_the_middle_is_replaced_with_the_loss_said(executor):
    result = run(executor, "lost = 1", "import os; os._exit(1)")
    assert result.exit_code == 1
    assert "The kernel died while this code ran: its process ended. All variables" in result.output
    assert output(executor, "print('lost' in globals())") == "False\n"


def test_a_kernel_that_died_between_calls_is_replaced_with_the_loss_said(executor):
    pid = int(output(executor, "import os; print(os.getpid())"))
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: executor._session._kernel._death is not None)
    assert output(executor, "print('on')").startswith(
        "[The kernel had ended since the last code ran: its process ended."
    )


def test_one_message_too_large_costs_the_kernel_and_says_so(executor):
    result = run(executor, "raise ValueError('q' * 70_000_000)")
    assert result.exit_code == 1
    assert "it sent more than 64 MiB at once" in result.output
    assert output(executor, "1") == "1\n"


async def test_cancelling_interrupts_and_keeps_the_state(executor):
    await executor.execute([CodeBlock("kept = 1", "python")])
    started = asyncio.Event()
    code = CodeBlock("import time\nprint('on', flush=True)\ntime.sleep(600)", "python")
    task = asyncio.create_task(executor.execute([code], on_output=lambda _: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await executor.execute([CodeBlock("kept", "python")])).output == "1\n"


def test_no_kernel_is_left_on_the_server(server, tmp_path):
    before = set(kernels(server))
    executors = [JupyterCodeExecutor(server, output_dir=tmp_path) for _ in range(3)]
    for executor in executors:
        output(executor, "1")
    assert len(set(kernels(server)) - before) == 3
    executors.pop().stop()
    executors[0].restart()
    assert len(set(kernels(server)) - before) == 1
    del executor, executors
    gc.collect()
    assert soon(lambda: set(kernels(server)) <= before)


def test_an_unknown_kernel_is_refused_with_those_that_the_server_has(server):
    with pytest.raises(ConfigError, match="Kernel 'cobol' is not installed on the Jupyter server; it has python3"):
        JupyterCodeExecutor(server, "cobol")


def test_a_wrong_token_is_refused(server):
    info = JupyterConnectionInfo("127.0.0.1", use_https=False, port=server.connection_info.port, token="wr0ng")
    with pytest.raises(ConfigError, match="refuses the token") as refused:
        JupyterCodeExecutor(info)
    assert "wr0ng" not in str(refused.value)


def test_no_server_is_told():
    with pytest.raises(ConfigError, match=r"no Jupyter server answers at http://127\.0\.0\.1:1/"):
        JupyterCodeExecutor(JupyterConnectionInfo("127.0.0.1", use_https=False, port=1))


def test_env_is_for_local_kernels(server):
    with pytest.raises(ConfigError, match="env is for local kernels"):
        JupyterCodeExecutor(server, env={"A": "b"})


def test_a_server_that_ends_in_the_middle_is_told(tmp_path):
    with LocalJupyterServer() as server, JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
        assert output(executor, "1") == "1\n"
        server.stop()
        assert soon(lambda: executor._session._kernel._death is not None)
        with pytest.raises(ConfigError, match="no Jupyter server answers"):
            run(executor, "1")


def test_the_token_is_not_among_the_arguments_nor_shown(server):
    info = server.connection_info
    listed = subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert info.token not in listed
    assert info.token not in repr(info)
    assert info.token not in info.url("api")
    assert info.token not in server._log.read_text()


# --- addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8888/?token=abc", ("127.0.0.1", False, 8888, "abc")),
        ("https://hub.example.org/user/ada/lab?token=abc", ("hub.example.org/user/ada", True, None, "abc")),
        ("http://[::1]:8888/tree", ("[::1]", False, 8888, None)),
    ],
)
def test_an_address_is_taken_apart(address, expected):
    info = JupyterConnectionInfo.from_url(address)
    assert (info.host, info.use_https, info.port, info.token) == expected


def test_an_address_is_put_together():
    info = JupyterConnectionInfo("hub.example.org/user/ada", use_https=True, port=8443, token="abc")
    assert info.url("api") == "https://hub.example.org:8443/user/ada/api"
    assert info.url("api", websocket=True) == "wss://hub.example.org:8443/user/ada/api"


@pytest.mark.parametrize("address", ["", "localhost:8888", "ftp://a", "http://", "http://a:b", "http://[::1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="begins with http"):
        JupyterConnectionInfo.from_url(address)


@pytest.mark.parametrize("host", ["", "http://a", "a?token=b", "user@a"])
def test_a_host_that_is_an_address_is_refused(host):
    with pytest.raises(ConfigError, match="from_url takes an address"):
        JupyterConnectionInfo(host, use_https=False)
