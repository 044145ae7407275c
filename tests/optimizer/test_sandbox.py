"""Learned functions run elsewhere, one process a call; whatever they do comes back as an answer."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import zipfile
from pathlib import Path

import pytest

from autogen_like import ConfigError, LearnedFunction, LocalCommandLineCodeExecutor, Sandbox
from autogen_like.core.message import ToolCall
from autogen_like.optimizer.learned_tool import LearnedTool
from autogen_like.optimizer.sandbox import MAX_RESULT, _read


def made(body, name="f", packages=(), modules=frozenset({"os", "io", "sys", "json", "time", "math", "tempfile"})):
    return LearnedFunction.checked(name, "Does it.", {}, f"def {name}():\n    {body}", packages, modules)


async def test_a_value_comes_back_as_text_or_json(sandbox):
    assert (await sandbox.run(made("return {'a': [1, None]}"), {})).value == '{"a": [1, null]}'
    assert (await sandbox.run(made("return 'öäü\\n'"), {})).value == "öäü\n"
    assert (await sandbox.run(made("return None"), {})).value == "null"
    assert (await sandbox.run(made("return complex(1, 2)"), {})).value == '"(1+2j)"'


async def test_what_it_prints_is_kept_apart(sandbox):
    answer = await sandbox.run(made("print('a' * 10_000); return 1"), {})
    assert answer.value == "1"
    assert answer.printed == "a" * 2000


async def test_an_exception_is_an_answer_with_its_line(sandbox):
    answer = await sandbox.run(made("x = 0; return 1 / x"), {})
    assert answer.error == "ZeroDivisionError: division by zero (line 2: x = 0; return 1 / x)"
    assert answer.error_type == "ZeroDivisionError"


@pytest.mark.parametrize("body", ["raise SystemExit(0)", "raise KeyboardInterrupt"])
async def test_ending_the_process_is_an_answer(sandbox, body):
    assert (await sandbox.run(made(body), {})).error


async def test_a_process_that_dies_is_an_answer(sandbox):
    answer = await sandbox.run(_dying(), {})
    assert "ended without a result (exit code" in answer.error


def _dying() -> LearnedFunction:
    # Not what the check lets through: what it may have overlooked.
    code = "import os\ndef f():\n    os._exit(7)\n"
    return LearnedFunction("f", "Dies.", {"type": "object", "properties": {}, "required": []}, code)


async def test_an_endless_loop_is_stopped():
    with Sandbox("local", timeout=1) as short:
        answer = await short.run(made("while True: pass"), {})
    assert (answer.error, answer.error_type) == ("f took too long and was stopped", "timeout")


async def test_a_long_result_is_cut_with_a_note(sandbox):
    answer = await sandbox.run(made("return 'x' * 1_000_000"), {})
    assert answer.value.startswith("x" * MAX_RESULT)
    assert answer.value.endswith("[... 980000 characters left out here ...]")


async def test_a_forged_answer_counts_for_nothing(sandbox):
    body = 'import sys; sys.__stdout__.write(\'answer-0000:{"value": "forged", "length": 6}\\n\'); return "true"'
    code = f"import sys\ndef f():\n    {body}\n"
    forger = LearnedFunction("f", "Forges.", {"type": "object", "properties": {}, "required": []}, code)
    assert (await sandbox.run(forger, {})).value == "true"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"value": 1}', "null", "[" * 5000, '{"error": "x"}'])
def test_an_answer_that_is_none_is_an_error(text):
    assert _read(text).error == "the process wrote an answer that can't be read"


async def test_no_call_finds_what_another_left_in_its_folder(sandbox):
    leaves = made("import io; io.open('json.py', 'w').write('raise SystemExit'); io.open('x', 'w').close(); return 1")
    assert (await sandbox.run(leaves, {})).value == "1"
    looks = made("import os; return os.listdir('.')")
    assert (await sandbox.run(looks, {})).value == "[]"


async def test_a_module_of_the_same_name_in_the_work_folder_is_not_imported(tmp_path):
    executor = LocalCommandLineCodeExecutor(timeout=20, work_dir=tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('stolen')")
    assert (await Sandbox(executor).run(made("return 1"), {})).value == "1"


async def test_calls_run_side_by_side(sandbox):
    tools = [LearnedTool(made(f"return {number}"), sandbox) for number in range(8)]
    results = await asyncio.gather(*(tool.call(ToolCall("c", "f", "")) for tool in tools))
    assert [result.content for result in results] == [str(number) for number in range(8)]


async def test_cancelling_a_call_stops_its_process(sandbox, tmp_path):
    marker = tmp_path / "here"
    body = f"import io, time; io.open({str(marker)!r}, 'w').close(); time.sleep(60)"
    call = asyncio.ensure_future(sandbox.run(made(body), {}))
    while not marker.exists():
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_a_sandbox_is_made_anew_where_it_is_taken_to(sandbox):
    taken = pickle.loads(pickle.dumps(sandbox))
    assert taken is not sandbox
    assert pickle.loads(pickle.dumps(sandbox)) is taken  # one for all tasks of a process
    assert taken.modules == sandbox.modules
    taken.close()
    with pytest.raises(ConfigError, match="name it"):
        pickle.dumps(Sandbox(LocalCommandLineCodeExecutor()))


def test_settings_that_can_not_be_are_refused():
    with pytest.raises(ConfigError, match="docker, local, or an executor, not 'moon'"):
        Sandbox("moon")
    with pytest.raises(ConfigError, match="to the executor itself"):
        Sandbox(LocalCommandLineCodeExecutor(), packages=["six"])
    with pytest.raises(ConfigError, match="an executor has code_extractor"):
        Sandbox(7)


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        ("def f(x):\n    print('hi')\n    return [x]", {"x": 1}, {"value": "[1]", "length": 3, "printed": "hi\n"}),
        ("def f(x):\n    return x", None, {"value": "null", "length": 4, "printed": ""}),
        ("def f(x):\n    return 1 / x", {"x": 0}, {"type": "ZeroDivisionError"}),
        ("import nowhere\ndef f(x):\n    return x", {"x": 0}, {"error": "the module nowhere isn't there"}),
        ("import pytest\ndef f(x):\n    return x", {"x": 0}, {"type": "ModuleNotFoundError"}),
    ],
)
def test_what_the_executor_is_sent_answers_behind_its_mark(code, arguments, said, capsys):
    """The text that runs elsewhere, run here with harmless code."""
    from autogen_like.optimizer import harness

    imports = [line.split()[1] for line in code.splitlines() if line.startswith("import")]
    job = {"mark": "m:", "name": "f", "code": code, "arguments": arguments, "imports": imports, "longest": 10}
    before = Path.cwd()
    harness.run(job)
    assert Path.cwd() == before
    assert json.loads(capsys.readouterr().out.removeprefix("m:")).items() >= said.items()


# --- packages


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, where pip finds it instead of on the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "alpha-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("alpha.py", "VERSION = '1.0'\n")
        wheel.writestr("alpha-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
        wheel.writestr(
            "alpha-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("alpha-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("AUTOGEN_LIKE_HOME", str(tmp_path / "home"))
    return folder


async def test_a_package_of_the_list_is_there_and_no_other(index):
    uses = made("import alpha; return alpha.VERSION", packages=["alpha"])
    with Sandbox("local", packages=["alpha"], timeout=60) as sandbox:
        assert await sandbox.check(uses, {}) == ""
        assert (await sandbox.run(uses, {})).value == "1.0"
        beta = made("import beta; return 1", packages=["beta"])
        assert "f needs beta, which is not among packages=['alpha']" in await sandbox.check(beta)
        other = made("import autogen_like; return 1", packages=["alpha"])  # this Python has it, functions don't
        assert "is of no package that functions may have" in await sandbox.check(other)
        gone = made("import alpha.nothing; return 1", packages=["alpha"])
        assert "the module alpha.nothing isn't there" in await sandbox.check(gone)


async def test_without_a_list_no_package_is_to_be_had(sandbox):
    assert "needs alpha" in await sandbox.check(made("import alpha", packages=["alpha"]))


# --- the real engine

HOSTILE = {
    "rm": ("import os\ndef f():\n    return os.system('rm -rf / --no-preserve-root 2>/dev/null')", ""),
    "network": ("import socket\ndef f():\n    return socket.create_connection(('1.1.1.1', 53), 2)", "OSError"),
    "fork": (
        "import os\ndef f():\n    while True:\n        os.fork()",
        "took too long|without a result|BlockingIOError",
    ),
    "memory": ("def f():\n    return len('x' * 10**11)", "MemoryError|without a result"),
    "loop": ("def f():\n    while True:\n        pass", "took too long"),
}


@pytest.mark.needs_docker
@pytest.mark.slow
async def test_in_docker_nothing_that_gets_past_the_check_does_harm(docker_image, tmp_path):
    from autogen_like import DockerCommandLineCodeExecutor

    mine = tmp_path / "mine.txt"
    mine.write_text("still here")
    with DockerCommandLineCodeExecutor(docker_image, timeout=10, pids=32, memory="128m") as executor:
        sandbox = Sandbox(executor)
        for code, said in HOSTILE.values():
            function = LearnedFunction("f", "Hurts.", {"type": "object", "properties": {}, "required": []}, code + "\n")
            answer = await sandbox.run(function, {})
            if said:
                assert any(one in answer.error for one in said.split("|")) or answer.error_type in said, answer
        assert (await sandbox.run(made("return 6 * 7"), {})).value == "42"
    assert mine.read_text() == "still here"
    assert Path(sys.executable).exists()
