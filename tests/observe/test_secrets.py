"""Secrets are planted wherever people put them, and looked for in all that comes out."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import sys
import threading
import traceback
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from autogen_like import (
    AssistantAgent,
    AutogenLikeError,
    Cache,
    ConfigError,
    ConsolePrinter,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    LLMConfig,
    McpTools,
    Recorder,
    ScriptedModel,
    Store,
    UserProxyAgent,
    config_list_from_json,
    export_html,
    export_markdown,
    instrument,
)
from autogen_like.cli.transcript import transcript
from autogen_like.core.conversation import Conversation
from autogen_like.store.report import report
from autogen_like.testing.openai_server import OpenAIServer

from .conftest import Telemetry


class Secrets:
    """Makes secrets, each of its own looks, and finds them: as they are, quoted, escaped or in base64."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, place: str) -> str:
        """A new one; its text says nothing of what it is, so that it isn't found by its looks."""
        self.planted[place] = f"Zq{len(self.planted):02d}+/{place.encode().hex()[:12]}wV"
        return self.planted[place]

    def found(self, text: str) -> list[str]:
        text = f"{text}\n{urllib.parse.unquote(text)}"
        return [place for place, secret in self.planted.items() if any(form in text for form in _forms(secret))]


def _forms(secret: str) -> set[str]:
    plain = {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe=""), secret.lower()}
    # In base64 a text looks in three ways, by its place; the ends depend on what is around it.
    return plain | {base64.b64encode(b"x" * shift + secret.encode()).decode()[4:-4] for shift in range(3)}


class Echo:
    """An endpoint that repeats all of each request in what it answers: address, headers and body.

    Args:
        status: Of its answers.
        form: Makes the body out of the echo.
        content_type: Of the body.
    """

    def __init__(self, status: int, form: Callable[[str], str], content_type: str = "application/json") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                body = form(f"{self.path} {dict(self.headers)} {asked}").encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def _error(echo: str) -> str:
    return json.dumps({"error": {"message": f"refused: {echo}", "type": echo[:40], "code": "bad"}})


def _reply(echo: str) -> str:
    message = {"role": "assistant", "content": "Hello there."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def _chunks(echo: str) -> str:
    delta = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    first = {**delta, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}
    return f"data: {json.dumps(first)}\n\ndata: {_error(echo)}\n\n"


ANSWERS = {
    "a reply": (200, _reply, "application/json"),
    "refused": (401, _error, "application/json"),
    "a bad request": (400, _error, "application/json"),
    "out of order": (500, _error, "application/json"),
    "a page": (404, lambda echo: f"<html>{echo}</html>", "text/html"),
    "an error inside 200": (200, _error, "application/json"),
    "not json": (200, lambda echo: f"{echo}", "application/json"),
    "a stream that breaks": (200, _chunks, "text/event-stream"),
}


class Everything:
    """All that comes out while it listens."""

    def __init__(self) -> None:
        self.parts: dict[str, list[str]] = {}
        self.warned: list[warnings.WarningMessage] = []

    def add(self, kind: str, *texts: object) -> None:
        self.parts.setdefault(kind, []).extend(str(text) for text in texts)

    def event(self, event: object) -> None:
        self.add("events", repr(event))

    def error(self, error: BaseException | None) -> None:
        while error is not None:
            self.add("errors", str(error), repr(error), error.args, vars(error))
            self.add("tracebacks", "".join(traceback.format_exception(error)))
            self.add("pickled errors", pickle.dumps(error))
            error = error.__cause__

    def leaks(self, secrets: Secrets) -> dict[str, list[str]]:
        self.add("warnings", *(warning.message for warning in self.warned))
        told = {kind: secrets.found("\n".join(texts)) for kind, texts in self.parts.items()}
        # The HTTP package logs the addresses that it asks, query and all: docs/observability.md says so.
        others = told.get("logs of other packages", [])
        told["logs of other packages"] = [place for place in others if place != "default_query"]
        return {kind: places for kind, places in told.items() if places}


class _Records(logging.Handler):
    def __init__(self, out: Everything) -> None:
        super().__init__(logging.DEBUG)
        self.out = out
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("autogen_like"):
            self.out.add("logs", self.format(record), vars(record))
        elif record.levelno > logging.DEBUG:  # below that other packages may show whole requests, on request
            self.out.add("logs of other packages", self.format(record), vars(record))


@pytest.fixture
def out(telemetry: Telemetry, capfd: pytest.CaptureFixture[str]) -> Iterator[Everything]:
    """All that comes out of the test, telemetry with content included."""
    found = Everything()
    handler, root = _Records(found), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    stop = instrument(content=True, **telemetry.providers)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found.warned = warned
        yield found
    stop()
    root.removeHandler(handler)
    root.setLevel(level)


def endpoint(secrets: Secrets, port: int, **more: Any) -> dict[str, Any]:
    """A configuration with a secret wherever one can be."""
    user, password = (
        urllib.parse.quote(secrets.plant(place), safe="") for place in ("user of base_url", "password of base_url")
    )
    return {
        "model": "m",
        "api_key": secrets.plant("api_key"),
        "base_url": f"http://{user}:{password}@127.0.0.1:{port}/v1",
        "default_headers": {"X-Api-Key": secrets.plant("default_headers"), "X-Trace": "on"},
        "default_query": {"code": secrets.plant("default_query")},
        "extra_headers": {"X-Own": secrets.plant("extra_headers")},
        "max_retries": 1,
        **more,
    }


async def close(*agents: ConversableAgent) -> None:
    for agent in agents:
        if agent.model_client is not None:
            await agent.model_client.aclose()


async def look_at(out: Everything, store: Store, run_id: str) -> None:
    """All that a store tells of a run: lists, records, exports in each form, and what the command shows."""
    out.add("lists", repr(store), await store.runs(), await store.conversations(run_id))
    out.add("records", *[entry async for entry in store.records(run_id)])
    out.add("exports", *[line async for line in store.export_lines(run_id)])
    out.add("exports", await export_markdown(store, run_id), await export_html(store, run_id))
    out.add("commands", *transcript(await report(store, run_id)))


async def chat(out: Everything, telemetry: Telemetry, agent: ConversableAgent, folder: Path, *, stream: bool) -> None:
    """A chat with the agent, and all that comes of it."""
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    with Cache.disk(cache_path_root=str(folder / "cache")) as cache, Store(f"sqlite:///{folder / 'chats.db'}") as store:
        run = user.run(agent, "Hello", max_turns=1, cache=cache, store=store)
        console = io.StringIO()
        run.subscribe(out.event, deltas=stream)
        run.subscribe(ConsolePrinter(console, stream=stream), deltas=stream)
        try:
            result = await run
        except Exception as error:
            out.error(error)
            out.error(error.__context__)
        else:
            out.add("results", repr(result), str(result), pickle.dumps(result))
        out.add("consoles", console.getvalue())
        for kept in await store.runs():
            await look_at(out, store, kept.id)
    out.add("reprs", repr(agent), str(agent), repr(agent.model_client), repr(agent.llm_config), repr(run))
    out.add("reprs", repr(agent.backends), repr(agent.chat_messages))
    for kept in (one for one in folder.rglob("*") if one.is_file()):
        out.add("files", kept, kept.read_bytes())
    out.add("telemetry", telemetry.texts())
    await close(agent)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("answer", list(ANSWERS))
async def test_what_an_endpoint_repeats_is_blotted_out(out, telemetry, tmp_path, answer, stream):
    secrets = Secrets()
    with Echo(*ANSWERS[answer]) as echo:
        agent = AssistantAgent("ada", llm_config=endpoint(secrets, echo.port))
        await chat(out, telemetry, agent, tmp_path, stream=stream)
    assert out.leaks(secrets) == {}
    if answer in ("refused", "a bad request", "out of order"):
        assert any("refused" in text for text in out.parts["errors"]), "what the endpoint says is still told"


async def test_what_azure_repeats_is_blotted_out(out, telemetry, tmp_path, monkeypatch):
    secrets = Secrets()
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", secrets.plant("AZURE_OPENAI_API_KEY"))
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", secrets.plant("AZURE_OPENAI_AD_TOKEN"))
    with Echo(*ANSWERS["refused"]) as echo:
        azure = {"model": "m", "api_type": "azure", "base_url": f"http://127.0.0.1:{echo.port}", "max_retries": 0}

        async def provider() -> str:
            return planted

        planted = secrets.plant("azure_ad_token_provider")
        entries = [
            azure,
            {**azure, "azure_ad_token": secrets.plant("azure_ad_token")},
            {**azure, "azure_ad_token_provider": provider},
            {**azure, "api_key": secrets.plant("api_key")},
        ]
        agent = AssistantAgent("ada", llm_config={"config_list": entries})
        await chat(out, telemetry, agent, tmp_path, stream=False)
    assert out.leaks(secrets) == {}


async def test_keys_of_the_environment_and_of_a_whole_list_are_blotted_out(out, telemetry, tmp_path, monkeypatch):
    secrets = Secrets()
    monkeypatch.setenv("OPENAI_API_KEY", secrets.plant("OPENAI_API_KEY"))
    monkeypatch.setenv("GROQ_API_KEY", secrets.plant("GROQ_API_KEY"))
    with Echo(*ANSWERS["out of order"]) as echo:
        url = {"base_url": f"http://127.0.0.1:{echo.port}/v1"}
        entries = [{"model": "m", **url}, {"model": "m", "api_type": "groq", **url}, endpoint(secrets, echo.port)]
        agent = AssistantAgent("ada", llm_config={"config_list": entries})
        await chat(out, telemetry, agent, tmp_path, stream=False)
    assert out.leaks(secrets) == {}


async def test_where_nobody_answers_the_address_is_told_without_its_secrets(out, telemetry, tmp_path):
    secrets = Secrets()
    with Echo(*ANSWERS["a reply"]) as echo:
        config = endpoint(secrets, echo.port)
    agent = AssistantAgent("ada", llm_config=config)
    await chat(out, telemetry, agent, tmp_path, stream=True)
    assert out.leaks(secrets) == {}


async def test_a_group_and_its_manager_tell_nothing(out, telemetry, tmp_path):
    secrets = Secrets()
    with Echo(*ANSWERS["a reply"]) as echo:
        config = endpoint(secrets, echo.port)
        members = [AssistantAgent(name, llm_config=config, description=name) for name in ("ada", "bob")]
        manager = GroupChatManager(GroupChat(members, max_round=2), llm_config=config)
        await chat(out, telemetry, manager, tmp_path, stream=False)
        out.add("reprs", repr(manager.groupchat), manager.messages_to_string(manager.groupchat.messages))
        await close(*members)
    assert out.leaks(secrets) == {}


async def test_a_recording_holds_no_secret(out, telemetry, tmp_path):
    secrets, recorder = Secrets(), Recorder()
    with Echo(*ANSWERS["refused"]) as echo:
        agent = AssistantAgent("ada", llm_config=endpoint(secrets, echo.port))
        with pytest.raises(AutogenLikeError):
            await agent.run(message="Hello", store=recorder)
        await close(agent)
    recorder.save(tmp_path / "hello.jsonl")
    out.add("recordings", (tmp_path / "hello.jsonl").read_text())
    assert "refused" in out.parts["recordings"][0], "how it ended is in it"
    assert out.leaks(secrets) == {}


async def test_a_database_that_is_away_is_told_without_its_password(out):
    secrets = Secrets()
    password = urllib.parse.quote(secrets.plant("password"), safe="")
    store = Store(f"postgresql+psycopg://me:{password}@127.0.0.1:1/chats?options={password}", patience=0.2)
    out.add("reprs", repr(store), str(store))
    with pytest.raises(AutogenLikeError) as failed:
        await AssistantAgent("ada", llm_config=ScriptedModel(["Hello."])).run(message="Hi", store=store)
    out.error(failed.value)
    await store.aclose()
    assert out.leaks(secrets) == {}


async def test_a_conversations_state_holds_no_secret(out, telemetry, tmp_path, monkeypatch):
    taken: list[Conversation] = []
    converse = Conversation.converse

    async def watched(self: Conversation, *args: Any, **kwargs: Any) -> Any:
        taken.append(self)
        return await converse(self, *args, **kwargs)

    monkeypatch.setattr(Conversation, "converse", watched)
    secrets = Secrets()
    with Echo(*ANSWERS["a reply"]) as echo:
        agent = AssistantAgent("ada", llm_config=endpoint(secrets, echo.port))
        await chat(out, telemetry, agent, tmp_path, stream=False)
    assert out.parts["exports"]
    out.add("snapshots", *(json.dumps(conversation.snapshot()) for conversation in taken))
    assert taken
    assert out.leaks(secrets) == {}


WRONG: dict[str, Callable[[Secrets], object]] = {
    "an unknown api_type": lambda s: LLMConfig(endpoint(s, 1, api_type="nobody")),
    "a model that is none": lambda s: LLMConfig(endpoint(s, 1, model=3)),
    "a number of retries that is none": lambda s: LLMConfig(endpoint(s, 1, max_retries="many")),
    "a filter that nothing matches": lambda s: LLMConfig(endpoint(s, 1)).where(api_key=s.plant("filter")),
    "an address that is none": lambda s: AssistantAgent(
        "ada", llm_config={"model": "m", "base_url": f"ftp://me:{s.plant('ftp')}@host", "api_key": s.plant("k")}
    ),
    "an entry that is no dict": lambda s: LLMConfig(config_list=[s.plant("entry")]),
    "a list that is no list": lambda s: LLMConfig(config_list={"api_key": s.plant("list")}),
    "a file that is no JSON": lambda s: config_list_from_json(env_or_file=f'[{{"api_key": "{s.plant("file")}", }}]'),
    "a price that is none": lambda s: LLMConfig(endpoint(s, 1, price="cheap")),
    "a custom client that isn't registered": lambda s: (
        AssistantAgent("ada", llm_config=endpoint(s, 1, model_client_cls="Mine")).model_client
    ),
    "a client of the wrong kind": lambda s: AssistantAgent("ada", llm_config=endpoint(s, 1, model=object())),
    "an adapter that is none": lambda s: AssistantAgent("ada", llm_config=endpoint(s, 1, adapter="nobody")),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_a_configuration_that_is_wrong_is_told_without_its_secrets(out, wrong):
    secrets = Secrets()
    try:
        out.add("reprs", repr(WRONG[wrong](secrets)))
    except (ConfigError, ValueError, TypeError, FileNotFoundError) as error:
        out.error(error)
        out.error(error.__context__)
    assert secrets.planted
    assert out.leaks(secrets) == {}


def test_a_configuration_is_printed_without_its_secrets(out):
    secrets = Secrets()
    config = LLMConfig(
        endpoint(secrets, 1, config_list=[endpoint(secrets, 2), {"model": "n", "azure_ad_token": secrets.plant("a")}])
    )
    out.add("reprs", repr(config), str(config), f"{config}")
    assert out.leaks(secrets) == {}
    assert "127.0.0.1:2" in repr(config), "what is no secret stays"


# --- MCP


NOISY = """
import os, sys
print("starting with", dict(os.environ), flush=True)
print("bad token:", os.environ["TOKEN"], file=sys.stderr, flush=True)
sys.exit(3)
"""


async def test_what_an_mcp_server_prints_of_its_environment_is_blotted_out(out, monkeypatch):
    secrets = Secrets()
    monkeypatch.setenv("OPENAI_API_KEY", secrets.plant("OPENAI_API_KEY"))
    tools = McpTools([sys.executable, "-c", NOISY], name="noisy", env={"TOKEN": secrets.plant("env")})
    out.add("reprs", repr(tools), repr(vars(tools)))
    with pytest.raises(AutogenLikeError) as failed:
        await tools.__aenter__()
    out.error(failed.value)
    assert out.leaks(secrets) == {}
    assert "bad token: ***" in str(failed.value), "what it says is still told"


@pytest.mark.parametrize("answer", ["refused", "out of order", "a page", "not json", "an error inside 200"])
async def test_what_an_mcp_endpoint_repeats_is_blotted_out(out, answer):
    secrets = Secrets()
    with Echo(*ANSWERS[answer]) as echo:
        tools = McpTools(
            url=f"http://127.0.0.1:{echo.port}/mcp",
            headers={"X-Api-Key": secrets.plant("headers")},
            token=secrets.plant("token"),
            connect_timeout=5,
        )
        out.add("reprs", repr(tools), repr(vars(tools)))
        with pytest.raises(AutogenLikeError) as failed:
            await tools.__aenter__()
        out.error(failed.value)
    assert out.leaks(secrets) == {}


async def test_a_login_in_an_address_is_sent_all_the_same():
    with OpenAIServer(["Hello"]) as server:
        address = server.base_url.replace("://", "://me:pa%2Bss@")
        agent = AssistantAgent("ada", llm_config={"model": "m", "base_url": address, "api_key": "k"})
        await agent.run(message="Hi")
        await close(agent)
        sent = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert sent["authorization"] == "Basic " + base64.b64encode(b"me:pa+ss").decode()
