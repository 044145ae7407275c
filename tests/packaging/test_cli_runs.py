"""``autogen-like runs``, as a person at a terminal and a script use it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autogen_like import AssistantAgent, FunctionTool, ModelResponse, NeedsApproval, ScriptedModel, Store, ToolCall, cli

CHATS = """
import asyncio, json, os
from autogen_like import AssistantAgent, FunctionTool, ModelResponse, NeedsApproval, ScriptedModel, ToolCall

def double(n: int) -> int:
    "Doubles."
    return 2 * n

def reply(request):
    if any(message["role"] == "tool" for message in request.messages):
        return "It is " + request.messages[-1]["content"]
    return ModelResponse(tool_calls=(ToolCall("x", "double", '{"n": 4}'),))

def twice(store, resume=None):
    tools = [FunctionTool(double, approval=NeedsApproval("double"))]
    ada = AssistantAgent("ada", llm_config=ScriptedModel(reply), tools=tools)
    return ada.run(message="Twice four?", human="pause", store=store, resume=resume)

async def forever(request):
    print("asked", flush=True)
    await asyncio.sleep(600)

def slow(store, resume=None):
    return AssistantAgent("ada", llm_config=ScriptedModel(forever)).run(message="Hi", store=store, resume=resume)

def talk(store, resume=None):
    return "words"

async def later(store, resume=None):
    return twice(store, resume)

def other(message):
    pass

number = 3
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/chats.db"


@pytest.fixture
def chats(tmp_path: Path) -> str:
    (tmp_path / "my_chats.py").write_text(CHATS)
    return f"{tmp_path}/my_chats.py"


def held(url: str, *replies: Any, message: str = "Hello\x1b[2J?", **settings: Any) -> str:
    """The id of a kept run."""

    async def main() -> str:
        async with Store(url) as store:
            ada = AssistantAgent("ada", llm_config=ScriptedModel(list(replies)), **settings)
            await ada.run(message=message, store=store, human="pause")
            return (await store.runs())[0].id

    return asyncio.run(main())


def runs(capsys: pytest.CaptureFixture[str], *words: str, store: str | None = None) -> tuple[int, str, str]:
    status = cli.main(["runs", *words, *(("--store", store) if store else ())])
    out, err = capsys.readouterr()
    return status, out, err


def started(*words: str, **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "autogen_like", "runs", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **settings,
    )


def test_a_list_is_a_table_without_colours_newest_first(url: str, capsys: Any):
    first, second = held(url, "Hi.", message="One"), held(url, "Hi.", message="Two\x1b[31m\nlines")
    status, out, err = runs(capsys, "list", store=url)
    head, *rows = out.splitlines()
    assert (status, err) == (0, "")
    assert head.split() == ["ID", "STATUS", "MESSAGES", "TOKENS", "COST", "UPDATED", "TITLE"]
    assert [row.split()[0] for row in rows] == [second, first]
    assert rows[0].endswith("Two␛[31m lines")
    assert "\x1b" not in out


def test_a_list_is_json_on_request(url: str, capsys: Any):
    run = held(url, "Hi.")
    status, out, _ = runs(capsys, "list", "--json", store=url)
    (info,) = json.loads(out)
    assert status == 0
    assert (info["id"], info["status"], info["messages"], info["reason"]["kind"]) == (run, "ended", 2, "answered")


def test_a_list_can_be_turned_over_and_sifted(url: str, capsys: Any):
    first, second = held(url, "Hi."), held(url, "Hi.")
    assert [first in out for out in (runs(capsys, "list", "--limit", "1", store=url)[1],)] == [False]
    assert first in runs(capsys, "list", "--before", second, store=url)[1]
    assert runs(capsys, "list", "--status", "paused", store=url) == (0, "", "")


def test_the_environment_says_where_runs_are(url: str, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    run = held(url, "Hi.")
    monkeypatch.setenv("AUTOGEN_LIKE_STORE", url)
    assert run in runs(capsys, "list")[1]


def test_a_transcript_is_shown_with_its_control_characters_made_visible(url: str, capsys: Any):
    run = held(url, "Look:\x1b]0;title\x07\nthere")
    status, out, _ = runs(capsys, "show", run, store=url)
    assert status == 0
    assert "#1 user" in out
    assert "Hello␛[2J?" in out
    assert "Look:␛]0;title␇\nthere\n" in out
    assert "(ended: answered: ada has answered)" in out


def test_tools_and_chats_inside_are_shown_where_they_happened(url: str, capsys: Any):
    def double(n: int) -> int:
        "Doubles."
        return 2 * n

    call = ModelResponse(tool_calls=(ToolCall("x", "double", '{"n": 4}'),))
    clerk = AssistantAgent("clerk", llm_config=ScriptedModel([call, "It is eight."]), tools=[FunctionTool(double)])
    ask = ModelResponse(tool_calls=(ToolCall("y", "clerk", '{"message": "Twice four?"}'),))
    run = held(url, ask, "Eight.", tools=[clerk.as_tool(description="Counts.")])
    lines = [line.rstrip() for line in runs(capsys, "show", run, store=url)[1].splitlines()]
    wanted = ["calls clerk", "  | calls double", "  | 8", "  | It is eight.", "It is eight.", "Eight."]
    places = [lines.index(line) for line in wanted]
    assert places == sorted(places)


def test_a_run_in_which_nothing_has_begun_cannot_be_forked(url: str, capsys: Any):
    async def begin() -> None:
        async with Store(url) as store, await store.begin("r"):
            pass

    asyncio.run(begin())
    status, _, err = runs(capsys, "fork", "r", store=url)
    assert (status, "no conversation has begun" in err) == (1, True)


def test_a_terminal_that_knows_only_ascii_is_shown_what_it_can(url: str):
    run = held(url, "Grüße")
    process = started("show", run, "--store", url, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, _ = process.communicate(timeout=60)
    assert b"Gr\\xfc\\xdfe" in out
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("file", "form", "begins"),
    [
        ("r.jsonl", None, '{"format":'),
        ("r.md", None, "# `Hello"),
        ("r.HTML", None, "<!doctype"),
        ("r", "html", "<!doc"),
    ],
)
def test_the_name_of_the_file_says_the_format(
    url: str, tmp_path: Path, capsys: Any, file: str, form: str | None, begins: str
):
    run = held(url, "Grüße")
    words = ["export", run, "-o", str(tmp_path / file), *(("--format", form) if form else ())]
    assert runs(capsys, *words, store=url) == (0, "", "")
    assert (tmp_path / file).read_text(encoding="utf-8").startswith(begins)


def test_what_was_exported_to_a_pipe_is_imported_from_one(url: str, tmp_path: Path):
    run, other = held(url, "Grüße"), f"sqlite:///{tmp_path}/other.db"
    exported = started("export", run, "--store", url)
    imported = started("import", "-", "--store", other, stdin=exported.stdout)
    out, err = imported.communicate(timeout=60)
    exported.communicate()
    assert (out.decode().strip(), err, imported.returncode) == (run, b"", 0)
    shown, _ = started("show", run, "--store", other).communicate(timeout=60)
    assert "Grüße" in shown.decode()


def test_a_file_is_left_alone_where_there_is_no_such_run(url: str, tmp_path: Path, capsys: Any):
    held(url, "Hi.")
    (tmp_path / "kept.html").write_text("kept")
    status, _, err = runs(capsys, "export", "nope", "-o", str(tmp_path / "kept.html"), store=url)
    assert (status, err) == (1, "autogen-like: there is no run 'nope' in this store\n")
    assert (tmp_path / "kept.html").read_text() == "kept"


def test_a_fork_shares_the_messages_up_to_one(url: str, capsys: Any):
    run = held(url, "Hi.")
    for at, count in (((), 2), (("--at", "1"), 1), (("--at", "0"), 0)):
        status, out, _ = runs(capsys, "fork", run, *at, "--title", "again", store=url)
        (info,) = [one for one in json.loads(runs(capsys, "list", "--json", store=url)[1]) if one["id"] == out.strip()]
        assert (status, info["title"], info["messages"], info["forked_from"]["run"]) == (0, "again", count, run)


def test_a_fork_can_be_named_by_a_message_and_a_conversation(url: str, capsys: Any):
    run = held(url, "Hi.")

    async def ids() -> tuple[str, str]:
        async with Store(url) as store:
            (chat,) = await store.conversations(run)
            return chat.id, (await store.messages(chat.id))[0].id

    chat, message = asyncio.run(ids())
    assert runs(capsys, "fork", run, "--at", message, "--conversation", chat, store=url)[0] == 0
    status, _, err = runs(capsys, "fork", run, "--conversation", "x", store=url)
    assert (status, f"has no conversation 'x'; it has {chat}" in err) == (1, True)
    assert runs(capsys, "fork", run, "--at", "7", store=url)[0] == 1


def test_a_deleted_run_is_gone(url: str, capsys: Any):
    run = held(url, "Hi.")
    assert runs(capsys, "delete", run, store=url) == (0, "", "")
    assert runs(capsys, "delete", run, store=url)[0] == 1


def paused(url: str) -> str:
    def double(n: int) -> int:
        "Doubles."
        return 2 * n

    call = ModelResponse(tool_calls=(ToolCall("x", "double", '{"n": 4}'),))
    return held(url, call, tools=[FunctionTool(double, approval=NeedsApproval("double"))])


def test_a_paused_run_says_what_it_waits_for_is_answered_and_goes_on(url: str, chats: str, capsys: Any):
    run = paused(url)
    out = runs(capsys, "show", run, store=url)[1]
    command = next(line for line in out.splitlines() if line.startswith("answer with: autogen-like runs answer "))
    request = command.split()[-2]
    assert "paused: autogen-like runs show" in runs(capsys, "resume", run, f"{chats}:twice", store=url)[1]
    assert runs(capsys, "answer", run, request, "yes", store=url) == (0, "", "")
    status, out, _ = runs(capsys, "resume", run, f"{chats}:twice", store=url)
    assert (status, "It is 8" in out) == (0, True)
    status, _, err = runs(capsys, "answer", run, request, "yes", store=url)
    assert (status, err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("talk", "must return a run, not str: return agent.run("),
        ("later", "must return a run, not coroutine"),
        ("other", "must be a function that takes store= and resume="),
        ("number", "must be a function that takes"),
        ("nothing", "there is no 'nothing' in"),
    ],
)
def test_what_cannot_be_resumed_with_is_named(url: str, chats: str, capsys: Any, name: str, cure: str):
    run = held(url, "Hi.")
    status, _, err = runs(capsys, "resume", run, f"{chats}:{name}", store=url)
    assert status == 1
    assert cure in err
    assert err.count("\n") == 1


def test_ctrl_c_leaves_a_run_that_can_go_on(url: str, chats: str, capsys: Any):
    fork = runs(capsys, "fork", held(url, "Hi."), "--at", "1", store=url)[1].strip()
    process = started("resume", fork, f"{chats}:slow", "--store", url)
    assert process.stdout is not None
    while process.stdout.readline().strip() != b"asked":
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"interrupted\n")
    status, out, _ = runs(capsys, "resume", fork, f"{chats}:twice", store=url)
    assert status == 0
    assert "paused: " in out


def test_a_run_in_another_process_is_not_resumed_twice(url: str, chats: str, capsys: Any):
    fork = runs(capsys, "fork", held(url, "Hi."), "--at", "1", store=url)[1].strip()
    process = started("resume", fork, f"{chats}:slow", "--store", url)
    assert process.stdout is not None
    while process.stdout.readline().strip() != b"asked":
        assert process.poll() is None
    status, _, err = runs(capsys, "resume", fork, f"{chats}:twice", store=url)
    process.kill()
    process.communicate()
    assert (status, err.count("\n"), "is held by process" in err) == (1, 1, True)


def test_a_reader_that_leaves_ends_it_quietly(url: str):
    run = held(url, "long " * 200_000)
    process = started("show", run, "--store", url)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["list"], "say where the runs are kept: --store sqlite:///chats.db, or AUTOGEN_LIKE_STORE"),
        (["list", "--store", "sqlite:///{}/nowhere.db"], "there is no file"),
        (["list", "--store", "mysql://x:secret-word@host/db"], "sqlite"),
        (["list", "--store", "{}"], "sqlite"),
        (["import", "{}/nothing.jsonl", "--store", "sqlite:///{}/new.db"], "can't be read: No such file"),
        (["import", "{}/odd.bin", "--store", "sqlite:///{}/new.db"], "no exported run: it is no UTF-8"),
        (["import", "{}/odd.txt", "--store", "sqlite:///{}/new.db"], "line 1 is damaged"),
        (
            ["export", "RUN", "-o", "{}/no/such/folder.md", "--store", "sqlite:///{}/chats.db"],
            "can't be written: No such",
        ),
        (["list", "--limit", "0", "--store", "sqlite:///{}/chats.db"], "limit must be at least 1"),
        (["resume", "RUN", "nowhere", "--store", "sqlite:///{}/chats.db"], "module:name or file.py:name"),
        (["resume", "nope", "{}/my_chats.py:twice", "--store", "sqlite:///{}/chats.db"], "no run 'nope'"),
    ],
)
def test_mistakes_are_one_line_with_the_cure(
    tmp_path: Path, url: str, chats: str, capsys: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], cure: str
):
    monkeypatch.delenv("AUTOGEN_LIKE_STORE", raising=False)
    (tmp_path / "odd.bin").write_bytes(b"\xff\xfe")
    (tmp_path / "odd.txt").write_text("nothing of ours\n")
    run = held(url, "Hi.")
    status, out, err = runs(capsys, *(run if word == "RUN" else word.format(tmp_path) for word in words))
    assert (status, out) == (1, "")
    assert cure in err
    assert err.count("\n") == 1
    assert "secret-word" not in err
    assert not (tmp_path / "nowhere.db").exists()


def test_the_command_loads_no_database_before_it_needs_one():
    code = (
        "import sys; from autogen_like import cli; cli.build_parser(); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"sqlalchemy", "rich", "pydantic"}.isdisjoint(loaded)


def test_without_the_extra_it_says_what_to_install(url: str):
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; from autogen_like import cli; "
        f"sys.exit(cli.main(['runs', 'list', '--store', {url!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip install 'autogen_like[store]'" in done.stderr
