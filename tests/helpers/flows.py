"""Flows that several tests of StateFlow run."""

from __future__ import annotations

from typing import Any

from autogen_like import (
    FunctionTool,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    Usage,
)
from autogen_like.stateflow import (
    StateFlow,
    ask,
    choose,
    failed,
    run,
    succeeded,
)


def lookup(query: str) -> str:
    "Looks something up."
    if query == "boom":
        raise ValueError("no such thing")
    return f"found {query}"


LOOKUP = FunctionTool(lookup, inline=True)


def calls(name: str, arguments: str, id_: str = "1") -> ModelResponse:
    return ModelResponse(tool_calls=(ToolCall(id_, name, arguments),))


def one(*outputs: Any, **more: Any) -> StateFlow:
    settings = {"model": more.pop("model", None)}
    return StateFlow("f", initial="a", final={"end"}, **settings).state("a", *outputs, **more).transition("a", "end")


def texts(result: Any) -> list[tuple[str, str]]:
    return [(message.speaker, message.text) for message in result.messages]


def prompts(model: ScriptedModel) -> list[list[str]]:
    return [[str(message["content"]) for message in request.messages] for request in model.requests]


def sql(*replies: Any, chooser: Any = None, usage: Usage | None = None, **more: Any) -> StateFlow:
    """The plan's own example."""
    model = ScriptedModel(list(replies), usage=usage)
    made = StateFlow("sql", initial="observe", final={"end"}, model=model, **more)
    made.state("observe", ask("Look at the tables first."), run(LOOKUP))
    made.state("solve", ask("Write the query."), run(LOOKUP))
    made.state("error", ask("The query failed. Fix it."), run(LOOKUP))
    made.state("verify", ask("Does this answer the question?"))
    made.transition("observe", "solve", when=succeeded)
    made.transition("solve", "verify", when=succeeded)
    made.transition("error", "verify", when=succeeded)
    made.transition("*", "error", when=failed)
    return made.transition("verify", choose(chooser or ScriptedModel(["end"]), ["solve", "end"]))
