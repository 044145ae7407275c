"""``import autogen`` in all its forms, rewritten."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from importlib import import_module

from .findings import Finding
from .source import parsed, replaced, segment

OLD, NEW = "autogen", "autogen_like.compat"
_FROM = re.compile(rf"^from(\s+){OLD}(?=[.\s])")
_LEFT_OUT = {
    "gpt_assistant_agent": "the Assistants API was retired by OpenAI",
    "kubernetes": "code is run by this machine, Docker or Jupyter",
    "cosmos_db_cache": "use Redis, a folder, or an AbstractCache of your own",
    "chromadb": "give an object with VectorDB's methods, or 'embedded'",
    "couchbase": "give an object with VectorDB's methods, or 'embedded'",
    "mongodb": "give an object with VectorDB's methods, or 'embedded'",
    "qdrant": "give an object with VectorDB's methods, or 'embedded'",
    "qdrant_retrieve_user_proxy_agent": "RetrieveUserProxyAgent, with an object with VectorDB's methods",
    "web_surfer": "a browser is better had as an MCP server, whose tools any agent can be given",
    "browser_utils": "a browser is better had as an MCP server, whose tools any agent can be given",
    "llava_agent": "an OpenAI-compatible endpoint serves its models: MultimodalConversableAgent",
    "llamaindex_conversable_agent": "the agents that it wrapped are gone from LlamaIndex: write a reply function",
    "captainagent": "AgentBuilder makes teams, and agent.as_tool() gives one to another agent",
    "captain_agent": "AgentBuilder makes teams, and agent.as_tool() gives one to another agent",
    "compressible_agent": "gone from 0.2 itself: TransformMessages",
    "context_handling": "gone from 0.2 itself: TransformMessages",
    "teachable_agent": "gone from 0.2 itself: Teachability",
    "jupyter_client": "what it did is the executor's own",
}
_VENDORS = ("anthropic", "bedrock", "cerebras", "cohere", "gemini", "groq", "mistral", "ollama", "together")


def rewritten(source: str) -> tuple[str, list[Finding]]:
    """A source with its imports rewritten, and what was done.

    Raises:
        SyntaxError: If it isn't Python.

    Example:
        >>> rewritten("from autogen import AssistantAgent")[0]
        'from autogen_like.compat import AssistantAgent'
        >>> rewritten("import os, autogen as ag")[0]
        'import os, autogen_like.compat as ag'
    """
    imports = [node for node in ast.walk(parsed(source)) if _is_old(node)]
    findings: list[Finding] = []
    for node in sorted(imports, key=lambda one: (one.lineno, one.col_offset), reverse=True):  # type: ignore[attr-defined]
        assert isinstance(node, ast.Import | ast.ImportFrom)  # noqa: S101 - for the type checker
        new = _import(node) if isinstance(node, ast.Import) else _FROM.sub(rf"from\1{NEW}", segment(source, node))
        findings += [Finding(node.lineno, "rewritten", f"imports {NEW}"), *_missing(node)]
        source = replaced(source, node, new)
    return source, findings


def _is_old(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(_ours(alias.name) for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.level == 0 and _ours(node.module or "")


def _ours(name: str) -> bool:
    return name == OLD or name.startswith(f"{OLD}.")


def _import(node: ast.Import) -> str:
    names: list[str] = []
    bound = False
    for alias in node.names:
        if not _ours(alias.name):
            names.append(f"{alias.name} as {alias.asname}" if alias.asname else alias.name)
            continue
        new = NEW + alias.name.removeprefix(OLD)
        if alias.asname:
            names.append(f"{new} as {alias.asname}")
            continue
        if not bound:  # import autogen.io binds the name autogen
            names.append(f"{NEW} as {OLD}")
            bound = True
        if new != NEW:
            names.append(new)
    return f"import {', '.join(names)}"


def _missing(node: ast.Import | ast.ImportFrom) -> list[Finding]:
    if isinstance(node, ast.Import):
        return [_no_module(node.lineno, one.name) for one in node.names if _ours(one.name) and not _there(one.name)]
    module = node.module or ""
    if not _there(module):
        return [_no_module(node.lineno, module)]
    gone = [one.name for one in node.names if one.name != "*" and not _there(module, one.name)]
    return [Finding(node.lineno, "missing", f"{module} has no {name} here{_why(name)}") for name in gone]


def _no_module(line: int, name: str) -> Finding:
    return Finding(line, "missing", f"there is no {name} here{_why(name)}")


def _why(name: str) -> str:
    last = name.rpartition(".")[2]
    if last in _VENDORS:
        return ": an OpenAI-compatible endpoint serves its models: give its base_url"
    found = next((why for key, why in _LEFT_OUT.items() if key in (last, _snake(last))), "")
    return f": {found}" if found else ""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("gptassistant", "gpt_assistant")


@lru_cache(maxsize=512)
def _there(module: str, name: str | None = None) -> bool:
    real = NEW + module.removeprefix(OLD)
    try:
        found = import_module(real)
    except ImportError:
        return False
    return name is None or hasattr(found, name) or _there(f"{module}.{name}")
