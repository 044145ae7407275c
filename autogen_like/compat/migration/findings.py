"""What a script does that is different here, and why."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from .contrib import contrib
from .nodes import Finding, called, constant, differs, entries_of, is_open, keywords_of
from .source import parsed

_DOCKER = (
    "code is run in Docker, which must be there; its files are copied to work_dir at the end, where 0.2 mounted it"
)
_CACHE = "0.2 kept replies in ./.cache under the seed 41; here there is no cache unless one is asked for: cache_seed=41"
_READ_ONLY = "messages are read-only, since all who see them share them: make a copy, dict(message), and send that"
_PRIVATE = frozenset(
    (
        "_auto_select_speaker", "_create_internal_agents", "_get_chats_to_run", "_prepare_chat",
        "_print_received_message", "_process_speaker_selection_result", "_raise_exception_on_async_reply_functions",
        "_reflection_with_llm", "_summary_from_nested_chats", "_update_dict_from_chunk",
        "_update_function_call_from_chunk", "_update_tool_calls_from_chunk", "_validate_speaker_name",
        "a_auto_select_speaker",
    )
)  # fmt: skip
_HISTORIES = ("chat_messages", "_oai_messages", "messages", "chat_history")


def differences(source: str) -> list[Finding]:
    """What a source does that behaves differently here.

    Raises:
        SyntaxError: If it isn't Python.

    Example:
        >>> differences("user = UserProxyAgent('user')")[0].kind
        'differs'
    """
    found: dict[tuple[int, str], Finding] = {}
    for node in ast.walk(parsed(source)):
        for rule in _RULES:
            for one in rule(node):
                found.setdefault((one.line, one.text), one)
    return sorted(found.values())


def _code(node: ast.AST) -> Iterator[Finding]:
    keywords = keywords_of(node)
    agent = called(node).endswith("UserProxyAgent") and called(node) != "MathUserProxyAgent"
    if agent and "code_execution_config" not in keywords and not is_open(node):
        yield differs(
            node,
            "0.2 ran the code of this agent in Docker by default; here it runs none unless it is asked to: "
            "code_execution_config={} for Docker, {'executor': 'local'} for this machine, unprotected",
        )
    config = keywords.get("code_execution_config")
    if isinstance(config, ast.Dict):
        entries = entries_of(config)
        if "executor" not in entries and constant(entries.get("use_docker")) is not False:
            yield differs(config, _DOCKER)
    if called(node) in ("LocalCommandLineCodeExecutor", "LocalCommandlineCodeExecutor") and "work_dir" not in keywords:
        yield differs(node, "without work_dir code runs in a folder of its own that goes away; in 0.2 in this one")
    if called(node) == "DockerCommandLineCodeExecutor" and "work_dir" in keywords:
        yield differs(node, "work_dir isn't mounted: files are copied there at the end; bind_dir mounts a folder")


def _cache(node: ast.AST) -> Iterator[Finding]:
    entries = entries_of(node)
    if "config_list" in entries and not {"cache_seed", "cache"} & set(entries):
        yield differs(node, _CACHE)
    config = keywords_of(node).get("llm_config")
    inner = entries_of(config)
    if inner and config is not None and not {"cache_seed", "cache", "config_list"} & set(inner):
        yield differs(config, _CACHE)
    if called(node) == "OpenAIWrapper" and not {"cache_seed", "cache"} & set(keywords_of(node)) and not is_open(node):
        yield differs(node, _CACHE)
    for where in (entries, keywords_of(node)):
        seed = where.get("cache_seed")
        if seed is not None and constant(seed) is not None:
            yield differs(seed, "replies that 0.2 has cached are not read (they are pickles): the first run asks anew")


def _chats(node: ast.AST) -> Iterator[Finding]:
    name, keywords = called(node), keywords_of(node)
    if name in ("a_initiate_chat", "a_initiate_chats", "a_generate_reply"):
        yield differs(node, "async chats count each reply once, ask a person once and run sync hooks; 0.2's didn't")
    if name in ("initiate_chat", "a_initiate_chat") and "max_turns" in keywords:
        yield differs(node, "where the recipient has nothing to say the chat ends; in 0.2 the sender answered itself")
    if name == "GroupChat" and constant(keywords.get("enable_clear_history")) is True:
        yield differs(node, '"clear history" is obeyed when a person says it, and stays in what they said')
    if name == "GroupChat" and "admin_name" in keywords:
        yield differs(node, "Ctrl-C ends the group's chat, and doesn't hand over to admin_name")
    if name in ("register_for_execution", "register_function") or "function_map" in keywords:
        yield differs(
            node, "arguments are checked and converted after the type hints; errors begin with their type, as "
            "'Error: ValueError: ...'",
        )  # fmt: skip


def _messages(node: ast.AST) -> Iterator[Finding]:
    edits = ("append", "insert", "pop", "clear", "extend", "remove")
    if called(node) in edits and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if isinstance(owner, ast.Subscript):
            owner = owner.value
        if isinstance(owner, ast.Attribute) and owner.attr in _HISTORIES:
            yield differs(node, _READ_ONLY)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    for target in targets:
        inner = target.value if isinstance(target, ast.Subscript) else None
        if isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Attribute | ast.Subscript):
            root = inner.value.value if isinstance(inner.value, ast.Subscript) else inner.value
            if isinstance(root, ast.Attribute) and root.attr in _HISTORIES:
                yield differs(node, _READ_ONLY)


def _names(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Attribute):
        if node.attr == "cost" and isinstance(node.ctx, ast.Load):
            yield differs(node, "the cost is that of this chat with all nested in it; 0.2's was of the agents' lives")
        if node.attr in _PRIVATE:
            yield Finding(node.lineno, "missing", f"{node.attr} was private to 0.2's agents and has no counterpart")
        if node.attr == "cosmos_db":
            yield Finding(node.lineno, "missing", "there is no cache in Cosmos DB: use Redis or a folder")
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("autogen."):
        yield differs(node, "a module's name in a string isn't rewritten: if it is to be imported, or patched, do so")


_RULES: tuple[Callable[[ast.AST], Iterator[Finding]], ...] = (_code, _cache, _chats, _messages, _names, contrib)

__all__ = ["Finding", "differences"]
