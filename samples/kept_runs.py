"""A chat that survives its process: it is kept, killed in the middle, resumed, forked with another agent, and exported.

The model's words are fixed, so that it shows the same each time and needs no key. `trip` is what a process calls that
begins the chat or goes on with it; the command finds it too:

    autogen-like runs resume ID samples/kept_runs.py:trip --store sqlite:///chats.db
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConsolePrinter,
    FunctionTool,
    ModelRequest,
    ModelResponse,
    Run,
    ScriptedModel,
    Store,
    ToolCall,
    Usage,
    export_html,
    export_markdown,
)

SPENT = Usage(prompt_tokens=220, completion_tokens=30, cost=0.0004)


def look_up(what: str) -> str:
    """Looks up when something leaves; safe to be done again.

    Args:
        what: Trains or flights.
    """
    if os.environ.get("DIE"):
        os._exit(9)  # the power goes: nothing is cleaned up, nobody is told
    return f"{what}: 8:00, 12:00 and 18:00"


def wants(what: str) -> ModelResponse:
    """What a model answers when it wants to look something up."""
    call = ToolCall(f"look-{what}", "look_up", f'{{"what": "{what}"}}')
    return ModelResponse(tool_calls=(call,), usage=SPENT)


def planner(what: str) -> AssistantAgent:
    """Somebody who goes by train, or flies."""

    def reply(request: ModelRequest) -> ModelResponse:
        looked = any(message["role"] == "tool" for message in request.messages)
        return ModelResponse(f"Take one of the {what} at 8:00.", usage=SPENT) if looked else wants(what)

    tools = [FunctionTool(look_up, repeatable=True)]  # may run again where nobody knows whether it ran
    return AssistantAgent("planner", llm_config=ScriptedModel(reply), tools=tools)


def trip(store: Store | str, resume: str | None = None, what: str = "trains") -> Run[ChatResult]:
    """The chat, from its beginning or from where it was cut off."""
    return planner(what).run(message="How do I get to Rome?", store=store, resume=resume)


async def begin(url: str) -> None:
    """What the first process does. It says often that it lives, so that the next one needn't wait for long."""
    async with Store(url, lease=1.0) as store:
        await trip(store)


async def main(folder: Path) -> None:
    """Starts a process that dies, and goes on where it was."""
    url = f"sqlite:///{folder / 'chats.db'}"
    command = [sys.executable, __file__, "--begin", url]
    died = await asyncio.to_thread(subprocess.run, command, check=False, env={**os.environ, "DIE": "yes"})
    print(f"The process ended with {died.returncode}.")
    async with Store(url) as store:
        cut_off = (await store.runs(limit=1))[0]
        # Until it is plain that nobody holds it any more.
        while (await store.run(cut_off.id)).status == "running":  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.1)
        print(f"{cut_off.messages} messages were kept. Going on:\n")
        run = trip(store, resume=cut_off.id)
        run.subscribe(ConsolePrinter())
        await run

        (chat,) = await store.conversations(cut_off.id)
        fork = await store.fork(chat.id, at=1, title="How do I get to Rome, by air?")
        result = await trip(store, resume=fork, what="flights")
        print(f"\nThe same question to somebody who flies: {result.summary}")

        page = folder / "trip.html"
        page.write_text(await export_html(store, cut_off.id), encoding="utf-8")
        print(f"\nA page to share is at {page}. As Markdown it begins:\n")
        print("\n".join((await export_markdown(store, fork)).splitlines()[:6]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--begin", metavar="URL", help="only begin the chat, and keep it there")
    parser.add_argument("--folder", type=Path, help="where to keep it; in a temporary folder by default")
    arguments = parser.parse_args()
    if arguments.begin:
        asyncio.run(begin(arguments.begin))
    elif arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(main(arguments.folder.resolve()))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            asyncio.run(main(Path(temporary)))
