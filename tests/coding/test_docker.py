"""Code in Docker containers, on a real engine: what it sees, what it may do, what comes out."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from pathlib import Path

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.docker import DockerCommandLineCodeExecutor
from autogen_like.coding.functions import with_requirements
from autogen_like.core.errors import ConfigError

pytestmark = pytest.mark.needs_docker
SOMEBODY = os.getuid() or 4711  # who owns folders that are bound: root's are refused


@pytest.fixture
def executor(docker_image):
    with DockerCommandLineCodeExecutor(docker_image, timeout=30) as made:
        yield made


def python(code: str) -> list[CodeBlock]:
    return [CodeBlock(code, "python")]


def said(executor: DockerCommandLineCodeExecutor, code: str, language: str = "python") -> str:
    return executor.execute_code_blocks([CodeBlock(code, language)]).output


def inspected(executor: DockerCommandLineCodeExecutor, template: str) -> str:
    command = ["docker", "inspect", "--format", template, str(executor.container_id)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_blocks_share_files_and_stop_at_the_first_that_fails(executor):
    result = executor.execute_code_blocks(
        [
            CodeBlock("# filename: pkg/data.py\nvalue = 42", "python"),
            CodeBlock("from pkg.data import value; print(value)", "python"),
            CodeBlock("echo from $0 >&2; exit 3", "sh"),
            CodeBlock("print('never')", "python"),
        ]
    )
    assert result.exit_code == 3
    assert result.output.startswith("42\nfrom ")
    assert result.code_file == "/workspace/pkg/data.py"
    assert len(result.code_files) == 3


def test_error_of_a_program_is_the_models_to_read(executor):
    result = executor.execute_code_blocks(python("1/0"))
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.output
    assert executor.execute_code_blocks([CodeBlock("no-such-program", "sh")]).exit_code == 127
    node = executor.execute_code_blocks([CodeBlock("1", "pwsh")])
    assert (node.exit_code, "not found" in node.output) == (127, True)


def test_what_is_only_saved_is_saved_in_the_container(executor):
    result = executor.execute_code_blocks([CodeBlock("<!-- filename: a/x.html -->\n<p>", "html")])
    assert result.output == "saved to /workspace/a/x.html, not run\n"
    assert "<p>" in said(executor, "cat a/x.html", "sh")
    refused = executor.execute_code_blocks([CodeBlock("<!-- filename: a -->\n<p>", "html")])
    assert refused.exit_code == 1
    assert "could not be written" in refused.output


async def test_output_streams_while_the_code_runs(executor):
    heard: list[str] = []
    first = asyncio.Event()

    def listen(text: str) -> None:
        heard.append(text)
        first.set()

    code = "import time, pathlib\nprint('one')\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\nprint('two')"
    running = asyncio.create_task(executor.execute(python(code), on_output=listen))
    await asyncio.wait_for(first.wait(), 30)
    assert "".join(heard).strip() == "one"
    subprocess.run(["docker", "exec", "-u", "65534", executor.container_id, "touch", "/workspace/go"], check=True)
    assert (await running).output == "one\ntwo\n"
    assert "".join(heard) == "one\ntwo\n"


def test_code_has_no_network_no_rights_and_a_root_that_it_cannot_write(executor):
    assert said(executor, "ls /sys/class/net", "sh") == "lo\n"
    status = said(executor, "print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    assert said(executor, "id -u", "sh") == "65534\n"
    assert "Read-only file system" in said(executor, "touch /root.txt /usr/x", "sh")
    assert "denied" in said(executor, "touch /functions/x", "sh")
    limits = inspected(executor, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}")
    assert limits == f"{2**30} {2**30} 1000000000"
    assert inspected(executor, "{{.HostConfig.PidsLimit}} {{.HostConfig.Privileged}}") == "128 false"


def test_a_network_is_given_where_it_is_asked_for(docker_image):
    with DockerCommandLineCodeExecutor(docker_image, network=True) as executor:
        assert "eth0" in said(executor, "ls /sys/class/net", "sh")


def test_volumes_of_an_image_are_limited_like_all_else(docker_image):
    image = f"autogen_like-volume:{os.getpid()}"
    made = subprocess.run(["docker", "create", docker_image], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["docker", "commit", "--change", "VOLUME /data", made, image], check=True, capture_output=True)
    try:
        with DockerCommandLineCodeExecutor(image, work_size="8m") as executor:
            assert "No space left" in said(executor, "head -c 9000000 /dev/zero > /data/x", "sh")
            assert inspected(executor, "{{len .Mounts}}") == "0"
    finally:
        subprocess.run(["docker", "rm", made], check=True, capture_output=True)
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)


def test_secrets_of_this_process_do_not_reach_the_code_unless_given(docker_image, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with DockerCommandLineCodeExecutor(docker_image, env={"GIVEN": "yes"}) as executor:
        seen = said(executor, "cat /proc/*/environ; env", "sh")
    assert "sk-secret" not in seen
    assert "GIVEN=yes" in seen


def test_code_imports_the_users_functions_and_cannot_change_them(docker_image):
    @with_requirements(global_imports=["math"])
    def area(radius: float) -> float:
        """The area of a circle."""
        return math.pi * radius**2  # noqa: F821 - imported in there

    with DockerCommandLineCodeExecutor(docker_image, functions=[area]) as executor:
        assert said(executor, "from functions import area; print(round(area(1), 2))") == "3.14\n"
        assert "denied" in said(executor, "echo x > /functions/functions.py", "sh")


@pytest.mark.slow
def test_packages_are_fetched_here_and_mounted_where_nothing_can_change_them(docker_image):
    with DockerCommandLineCodeExecutor(docker_image, packages=["six"]) as executor:
        assert said(executor, "import six; print(six.__file__)") == "/packages/six.py\n"
        assert "Read-only" in said(executor, "touch /packages/x", "sh")
        first = executor.container_id
        executor.close()
        assert "six" in said(executor, "import six; print(six.__name__)")
        assert executor.container_id != first


def test_files_are_copied_out_at_the_end_and_whenever_asked(docker_image, tmp_path):
    with DockerCommandLineCodeExecutor(docker_image, work_dir=tmp_path / "out") as executor:
        assert executor.copy_out(tmp_path / "nothing yet") == []
        said(executor, "mkdir a; echo one > a/1.txt; printf 'x\\000' > bin", "sh")
        assert not (tmp_path / "out").exists()
        copied = executor.copy_out(tmp_path / "now")
        assert tmp_path / "now/a/1.txt" in copied
        said(executor, "echo two > a/1.txt", "sh")
    assert (tmp_path / "now/a/1.txt").read_text() == "one\n"
    assert (tmp_path / "out/a/1.txt").read_text() == "two\n"
    assert (tmp_path / "out/bin").read_bytes() == b"x\0"


def test_links_and_devices_stay_in_the_container(docker_image, tmp_path, caplog):
    (tmp_path / "secret").write_text("host")
    code = f"ln -s {tmp_path}/secret out; ln -s / root; ln -s ../.. up; mkfifo pipe; echo x > real; ln real other"
    with (
        caplog.at_level(logging.WARNING, "autogen_like"),
        DockerCommandLineCodeExecutor(docker_image, work_dir=tmp_path / "out") as executor,
    ):
        said(executor, code, "sh")
    kinds = {path.name for path in (tmp_path / "out").rglob("*") if not path.name.startswith("code_")}
    assert kinds == {"real", "other"}
    assert (tmp_path / "out/other").read_text() == "x\n"
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    assert {"'./out'", "'./root'", "'./up'", "'./pipe'"} <= {
        record.getMessage().split()[0] for record in caplog.records
    }


def test_a_file_that_its_writer_made_unreadable_is_warned_of(docker_image, tmp_path, caplog):
    with DockerCommandLineCodeExecutor(docker_image, work_dir=tmp_path / "out") as executor:
        said(executor, "echo x > shut; chmod 0 shut; echo y > open", "sh")
    assert (tmp_path / "out/open").read_text() == "y\n"
    assert not (tmp_path / "out/shut").exists()
    assert "./shut: Cannot open: Permission denied" in caplog.text


def test_a_bound_folder_is_written_as_its_owner(docker_image, tmp_path):
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    tmp_path.chmod(0o700)
    with DockerCommandLineCodeExecutor(docker_image, bind_dir=tmp_path) as executor:
        assert executor.bind_dir == tmp_path
        result = executor.execute_code_blocks(python("# filename: x.py\nopen('y', 'w').write('1')"))
    assert result.code_file == str(tmp_path / "x.py")
    assert (tmp_path / "y").stat().st_uid == SOMEBODY
    again = DockerCommandLineCodeExecutor(docker_image, bind_dir=tmp_path / "new", user="1234")
    assert (tmp_path / "new").exists() is False
    made = DockerCommandLineCodeExecutor(docker_image, bind_dir=tmp_path / "made")
    assert (made.bind_dir / "x").parent.stat().st_uid == (65534 if os.getuid() == 0 else os.getuid())
    again.close()


def test_a_folder_of_roots_is_not_bound_unasked(docker_image):
    with pytest.raises(ConfigError, match=r"belongs to root.*chown"):
        DockerCommandLineCodeExecutor(docker_image, bind_dir="/usr")


def test_a_link_in_a_bound_folder_leads_nowhere_on_this_machine(docker_image, tmp_path):
    folder, target = tmp_path / "bound", tmp_path / "target"
    folder.mkdir()
    target.write_text("mine")
    for path in (folder, target):
        os.chown(path, SOMEBODY, SOMEBODY)
    with DockerCommandLineCodeExecutor(docker_image, bind_dir=folder) as executor:
        said(executor, f"ln -s {target} x.py; ln -s {tmp_path} up", "sh")
        executor.execute_code_blocks(
            [CodeBlock("# filename: x.py\n1", "python"), CodeBlock("# filename: up/target\n1", "python")]
        )
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"memory": "much"}, "memory"),
        ({"memory": 0}, "memory"),
        ({"work_size": "-1"}, "work_size"),
        ({"cpus": 0}, "cpus"),
        ({"pids": -1}, "pids"),
        ({"user": "root"}, "user"),
        ({"user": "65533:0"}, "user"),
        ({"image": "Not An Image"}, "can't be an image's name"),
        ({"image": ""}, "image must be"),
        ({"image": "autogen-like.invalid/nothing:0"}, "could not be fetched"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_the_executor_is_made(docker_image, settings, named):
    with pytest.raises(ConfigError, match=named):
        DockerCommandLineCodeExecutor(**{"image": docker_image, **settings})


@pytest.mark.parametrize("settings", [{"container_name": "not a name"}, {"memory": "1k"}])
def test_what_the_engine_refuses_is_said_in_its_words(docker_image, settings):
    with DockerCommandLineCodeExecutor(docker_image, **settings) as executor:
        with pytest.raises(ConfigError, match="Docker refused the container"):
            executor.execute_code_blocks(python("1"))
        assert executor.container_id is None


def test_a_container_of_one_name_is_made_once(docker_image):
    name = f"autogen-like-test-{os.getpid()}"
    with (
        DockerCommandLineCodeExecutor(docker_image, name) as one,
        DockerCommandLineCodeExecutor(docker_image, name) as two,
    ):
        assert said(one, "print(1)") == "1\n"
        assert inspected(one, "{{.Name}}") == f"/{name}"
        with pytest.raises(ConfigError, match="already in use"):
            said(two, "print(2)")


async def test_executions_at_once_take_turns(executor):
    code = "import os, time\nassert not os.path.exists('busy')\nopen('busy', 'w')\ntime.sleep(.1)\nos.remove('busy')"
    results = await asyncio.gather(*(executor.execute(python(f"{code}\nprint({n})")) for n in range(4)))
    assert [result.output for result in results] == ["0\n", "1\n", "2\n", "3\n"]


def test_restart_keeps_files_and_close_gives_the_next_block_a_new_container(executor: DockerCommandLineCodeExecutor):
    said(executor, "open('kept', 'w')")
    first = executor.container_id
    executor.restart()
    assert "kept" in said(executor, "ls", "sh")
    assert executor.container_id == first
    executor.close()
    executor.close()
    assert "kept" not in said(executor, "ls", "sh")
    assert executor.work_dir is None
    assert executor.image.startswith(Path(executor.image).name.split(":")[0])
