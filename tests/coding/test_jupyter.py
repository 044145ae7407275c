"""Running code in kernels of this machine."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from in_jupyter import blocks, output, run

from autogen_like import CodeExecutor, ConfigError, EmbeddedIPythonCodeExecutor, JupyterCodeExecutor

# --- what is remembered, and what is said


def test_it_is_a_code_executor(executor):
    assert isinstance(executor, CodeExecutor)
    assert executor.code_extractor.extract_code_blocks("```python\n1\n```") == blocks("1")
    assert executor.timeout == 60


def test_what_a_block_defines_later_blocks_and_calls_know(executor):
    assert output(executor, "known = 6", "known *= 7") == ""
    assert output(executor, "print(known)") == "42\n"


def test_the_last_expression_is_shown_and_printing_comes_in_order(executor):
    code = "import sys\nprint('a')\nprint('b', file=sys.stderr, flush=True)\nprint('c', flush=True)\n'd'"
    assert sorted(output(executor, code).split()) == ["'d'", "a", "b", "c"]
    assert output(executor, "print(1); display(2); print(3); 4") == "1\n2\n3\n4\n"


def test_nothing_to_run_starts_no_kernel(tmp_path):
    with JupyterCodeExecutor(output_dir=tmp_path) as executor:
        result = executor.execute_code_blocks([])
    assert (result.exit_code, result.output, result.output_files, result.parts) == (0, "", [], ())


def test_an_error_is_told_without_colours_and_state_is_kept(executor):
    result = run(executor, "kept = 1\nkept / 0", "never = 1")
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.output
    assert "\x1b" not in result.output
    assert output(executor, "print(kept, 'never' in globals())") == "1 False\n"


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("0", 0), ("3", 3), ("'no'", 1)])
def test_leaving_by_sys_exit_is_an_exit_code(executor, code, expected):
    assert run(executor, f"import sys; sys.exit({code})").exit_code == expected


def test_a_question_is_refused_with_the_cure(executor):
    result = run(executor, "name = input('Your name? ')")
    assert result.exit_code == 1
    assert "Nobody can type an answer here: write what is to be entered into the code." in result.output


def test_a_syntax_error_is_told(executor):
    result = run(executor, "def f(:")
    assert (result.exit_code, "SyntaxError" in result.output) == (1, True)


def test_shell_blocks_run_in_the_same_folder_and_fail_with_their_own_code(executor):
    assert output(executor, "open('note.txt', 'w').write('hello')\nNone") == ""
    assert output(executor, "cat note.txt", language="bash") == "hello"
    assert output(executor, "pwd", language="sh") == f"{executor.output_dir.resolve()}\n"
    result = run(executor, "echo one; echo two >&2; exit 3", language="shell")
    assert (result.exit_code, sorted(result.output.split())) == (3, ["one", "two"])
    assert run(executor, "kill -9 $$", language="bash").exit_code == 128 + 9


def test_magics_and_shell_escapes_work(executor):
    assert output(executor, "!echo from the shell") == "from the shell\n"
    assert output(executor, "%pip --version").startswith("pip ")


def test_a_language_that_the_kernel_does_not_run_is_refused(executor):
    result = run(executor, "puts 1", language="ruby")
    assert (result.exit_code, result.output) == (1, "unknown language 'ruby'; this kernel runs python\n")


def test_output_streams_on_the_loop_of_the_call(executor):
    heard: list[tuple[str, int]] = []

    async def main():
        def hear(text: str) -> None:
            heard.append((text, threading.get_ident()))
            if "".join(text for text, _ in heard) == "first\n":  # a line may come in pieces
                flag.touch()

        flag = executor.output_dir / "heard"
        code = (
            "import os, time\nprint('first', flush=True)\nwhile not os.path.exists('heard'): time.sleep(0.01)\nprint(2)"
        )
        return await executor.execute(blocks(code), on_output=hear), threading.get_ident()

    result, here = asyncio.run(main())
    assert "".join(text for text, _ in heard) == result.output == "first\n2\n"
    assert {thread for _, thread in heard} == {here}


async def test_what_a_listener_raises_is_raised_at_the_end(executor):
    def hear(text: str) -> None:
        raise RuntimeError(f"heard {text!r}")

    with pytest.raises(RuntimeError, match="heard '1"):
        await executor.execute(blocks("print(1)\nlistened = True"), on_output=hear)
    assert (await executor.execute(blocks("listened"))).output == "True\n"


def test_one_kernel_serves_many_loops_and_threads(executor):
    output(executor, "count = 0")

    def many():
        for _ in range(5):
            asyncio.run(executor.execute(blocks("count += 1")))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert output(executor, "count") == "20\n"


async def test_calls_side_by_side_run_one_after_the_other(executor):
    results = await asyncio.gather(*(executor.execute(blocks(f"print({n})", f"print({n})")) for n in range(5)))
    assert [result.output for result in results] == [f"{n}\n{n}\n" for n in range(5)]


# --- too much, and not as it should be


def test_output_is_limited_with_a_note(tmp_path):
    with JupyterCodeExecutor(output_dir=tmp_path, max_output=10) as executor:
        assert output(executor, "print('0123456789' * 3, end='')") == (
            "01234\n[... 20 characters of output were dropped ...]\n56789"
        )


def test_bytes_that_are_no_text_are_shown_as_well_as_can_be(executor):
    shown = output(executor, "import os, sys\nos.write(1, b'\\xff\\xfe'); sys.stdout.flush()\nprint('\\udc80 end')")
    assert "\ufffd" in shown
    assert shown.encode("utf-8")


def test_endless_output_ends_with_the_time_and_the_state_is_kept(tmp_path):
    with JupyterCodeExecutor(output_dir=tmp_path, timeout=3) as executor:
        result = run(executor, "kept = 1\nwhile True: print('x' * 1000)")
        assert result.exit_code == 124
        assert len(result.output) < 1_001_000
        assert "characters of output were dropped" in result.output
        assert output(executor, "kept") == "1\n"


def test_one_message_too_large_costs_the_kernel_and_says_so(fresh):
    result = run(fresh, "lost = 1\nraise ValueError('q' * 70_000_000)")
    assert result.exit_code == 1
    assert "it sent more than 64 MiB at once" in result.output
    assert "lost; the next code starts in a fresh kernel" in result.output
    assert output(fresh, "print('lost' in globals())") == "False\n"


def test_a_flood_of_messages_is_taken_in(fresh):
    shown = output(fresh, "for n in range(3000): display(n)")
    assert shown.split() == [str(n) for n in range(3000)]


# --- settings


def test_an_unknown_kernel_is_refused_with_those_that_are_there(place):
    with pytest.raises(ConfigError, match=r"Kernel 'cobol' is not installed on this machine; there are: .*python3"):
        JupyterCodeExecutor(kernel_name="cobol")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"timeout": float("nan")}, {"max_output": 0}])
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError, match="must be a positive number"):
        JupyterCodeExecutor(**settings)


def kernel_spec(folder: Path, monkeypatch: pytest.MonkeyPatch, argv: str) -> None:
    spec = folder / "kernels" / "odd"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "odd", "language": "odd"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


def test_a_kernel_that_does_not_start_is_told_with_its_last_words(tmp_path, monkeypatch):
    kernel_spec(tmp_path, monkeypatch, '["sh", "-c", "echo my last words >&2; exit 3"]')
    last = r"'odd' did not start: its process ended with exit code 3.\nmy last words"
    with (
        JupyterCodeExecutor(kernel_name="odd", output_dir=tmp_path) as executor,
        pytest.raises(ConfigError, match=last),
    ):
        run(executor, "1")


def test_a_kernel_whose_program_is_missing_is_told(tmp_path, monkeypatch):
    kernel_spec(tmp_path, monkeypatch, '["no-such-program"]')
    told = r"'odd' could not be started: .*no-such-program"
    with (
        JupyterCodeExecutor(kernel_name="odd", output_dir=tmp_path) as executor,
        pytest.raises(ConfigError, match=told),
    ):
        run(executor, "1")


def test_a_kernel_that_never_answers_is_told(tmp_path, monkeypatch):
    kernel_spec(tmp_path, monkeypatch, '["sleep", "600"]')
    monkeypatch.setattr("autogen_like.coding.jupyter.kernel._START", 0.5)
    told = r"'odd' did not answer within 0\.5 s"
    with (
        JupyterCodeExecutor(kernel_name="odd", output_dir=tmp_path) as executor,
        pytest.raises(ConfigError, match=told),
    ):
        run(executor, "1")


def test_without_jupyter_client_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("autogen_like.coding.jupyter.local")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jupyter_client.manager", None)
    with pytest.raises(ConfigError, match=r"pip install 'autogen_like\[jupyter\]'"):
        JupyterCodeExecutor()


def test_the_embedded_executor_is_one_with_a_kernel_of_this_machine(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=tmp_path, timeout=30) as executor:
        assert output(executor, "6 * 7") == "42\n"
        assert executor.output_dir == tmp_path


def test_a_temporary_folder_goes_away_with_the_executor():
    with JupyterCodeExecutor() as executor:
        folder = executor.output_dir
        assert output(executor, "open('a', 'w').close()") == ""
        assert [path.name for path in folder.iterdir()] == ["a"]
    assert not folder.exists()
