"""From a conversation to a prompt: the model's own chat template, and what to do where it lacks something."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from ...core.errors import ConfigError
from ...core.message import content_text

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TOOLS_PROMPT = """\
You may call one of these functions. Each line describes one, with a JSON schema of its arguments:
<tools>
{tools}
</tools>
To call a function, answer with nothing but its name and arguments as JSON between tags:
<tool_call>
{{"name": "function name", "arguments": {{"argument": "value"}}}}
</tool_call>
If no function is needed, answer in plain words."""

SHARED_SYSTEM = "You take part in a conversation of several."
SHARED_PROMPT = "This is the conversation so far."

_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # marks for training, which mean nothing here


@dataclass(frozen=True, slots=True)
class Turn:
    """A message in its plainest form.

    Args:
        role: system, user, assistant or tool.
        content: Its text.
        name: Who spoke, where that is known.
        calls: Tool calls, as ``(id, name, arguments as JSON text)``.
        call_id: Which call a tool's message answers.
    """

    role: str
    content: str
    name: str | None = None
    calls: tuple[tuple[str | None, str, str], ...] = ()
    call_id: str | None = None


class ChatTemplate:
    r"""Renders conversations for one model.

    Args:
        source: Its Jinja2 template; ChatML where it has none. It comes with the model, so it runs in a sandbox.
        bos: Text of its first token, for the template.
        eos: Text of its last token, for the template.
        guard: Takes the power from text that looks like special tokens; applied to all that people and models said.

    Attributes:
        takes_tools: Whether the template itself describes tools to the model.
        tool_tag: What the model's tool calls begin with, as it was told: ``<tool_call>`` and a new line, or nothing.

    Raises:
        ConfigError: If the template is broken.

    Example:
        >>> template = ChatTemplate(None)
        >>> template.render([{"role": "user", "content": "Hi"}], system="Be brief.")
        '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n'
    """

    def __init__(
        self, source: str | None, *, bos: str = "", eos: str = "", guard: Callable[[str], str] = lambda text: text
    ) -> None:
        from jinja2 import TemplateError, meta
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=False
        )
        environment.filters["tojson"] = _tojson
        environment.globals.update(raise_exception=_raise, strftime_now=_now)
        source = _GENERATION.sub("", CHATML if source is None else source)
        try:
            self._template = environment.from_string(source)
            unknown = meta.find_undeclared_variables(environment.parse(source))
        except TemplateError as error:
            raise ConfigError(f"the model's chat template is broken: {error}") from error
        self.takes_tools = "tools" in unknown
        self.tool_tag = "<tool_call>\n" if not self.takes_tools or "<tool_call>" in source else ""
        self._words = {"bos_token": bos, "eos_token": eos}
        self._guard = guard

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        speaker: str | None = None,
        shared_first: bool = False,
    ) -> str:
        """The prompt, up to where the model's reply begins.

        Args:
            messages: Chat dicts, oldest first.
            system: The system message; goes before them.
            tools: OpenAI tool dicts.
            speaker: Name of the agent that is to reply. Where the template knows no tools, what other agents called is
                told as theirs; otherwise the model would go on calling in its own name.
            shared_first: Tells the conversation first, the same to each speaker, and then who it is and what it may
                call.

        Raises:
            ConfigError: If the template refuses the conversation whatever form it has.
        """
        from jinja2 import TemplateError

        turns = plain_turns(messages, self._guard)
        if shared_first:
            return self._rendered(_shared_first(turns, system, tools, self._guard, speaker), ())
        if system:
            turns.insert(0, Turn("system", self._guard(system)))
        turns = _with_names(turns)
        if not self.takes_tools:
            turns = list(_tools_as_text(turns, tools, self._guard, speaker))
        # The template as it is; then for those that want user and assistant in turns; then without a system role.
        refusal: Exception | None = None
        for form in (list, _merged, lambda turns: _merged(_system_in_user(turns))):
            try:
                return self._rendered(form(turns), tools if self.takes_tools else ())
            except (TemplateError, TypeError) as error:
                refusal = refusal or error
        raise ConfigError(f"the model's chat template refuses this conversation: {refusal}") from refusal

    @cached_property
    def reply_head(self) -> str:
        """What a prompt has between the last turn and the reply; nothing where that can't be told."""
        from jinja2 import TemplateError

        asked = [{"role": "user", "content": "Hi"}]
        try:
            without = self._template.render(messages=asked, tools=None, add_generation_prompt=False, **self._words)
            whole = self._template.render(messages=asked, tools=None, add_generation_prompt=True, **self._words)
        except (TemplateError, TypeError):
            return ""
        return whole.removeprefix(without) if whole.startswith(without) else ""

    def _rendered(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> str:
        return self._template.render(
            messages=[_as_dict(turn) for turn in turns],
            tools=list(tools) or None,
            add_generation_prompt=True,
            **self._words,
        )


def _shared_first(
    turns: Sequence[Turn], system: str | None, tools: Sequence[Mapping[str, Any]], guard: Callable[[str], str],
    speaker: str | None,
) -> list[Turn]:  # fmt: skip
    """Two turns: the conversation as a play, in the same words for each speaker, and what is the speaker's own."""
    lines = [SHARED_PROMPT]
    for turn in turns:
        name = turn.name or (speaker if turn.role == "assistant" and speaker else turn.role)
        calls = "; ".join(f"{called} with {arguments}" for _, called, arguments in turn.calls)
        said = f"{turn.content} (calls {calls})".strip() if calls else turn.content
        lines.append(f"{guard(name)}: {said}")
    own = [guard(system)] if system else []
    if tools:
        own.append(TOOLS_PROMPT.format(tools="\n".join(guard(_tojson(tool.get("function", tool))) for tool in tools)))
    own.append(f"You are {guard(speaker)}. Say what {guard(speaker)} says next." if speaker else "Say what comes next.")
    return [Turn("system", SHARED_SYSTEM), Turn("user", "\n\n".join([*lines, *own]))]


def plain_turns(messages: Sequence[Mapping[str, Any]], guard: Callable[[str], str]) -> list[Turn]:
    """Messages in whatever form chat APIs know, as turns."""
    turns: list[Turn] = []
    for message in messages:
        responses = message.get("tool_responses")
        if responses:
            turns += [_turn({"role": "tool", **response}, guard) for response in responses]
        else:
            turns.append(_turn(message, guard))
    return turns


def _turn(message: Mapping[str, Any], guard: Callable[[str], str]) -> Turn:
    role = str(message.get("role") or "user")
    content = guard(content_text(message.get("content")))
    if role in ("tool", "function"):
        return Turn("tool", content, message.get("name"), call_id=message.get("tool_call_id"))
    if role in ("system", "developer"):
        return Turn("system", content)
    calls = [
        (call.get("id"), str(call["function"]["name"]), str(call["function"].get("arguments") or "{}"))
        for call in message.get("tool_calls") or ()
    ]
    retired = message.get("function_call")
    if retired:
        calls.append((None, str(retired["name"]), str(retired.get("arguments") or "{}")))
    guarded = tuple((call_id, guard(name), guard(arguments)) for call_id, name, arguments in calls)
    return Turn("assistant" if role == "assistant" else "user", content, message.get("name"), guarded)


def _with_names(turns: list[Turn]) -> list[Turn]:
    """Says who spoke, where more than one other did: templates have no place for names."""
    if len({turn.name for turn in turns if turn.role == "user" and turn.name}) < 2:
        return turns
    return [
        Turn(turn.role, f"{turn.name}: {turn.content}", turn.name, turn.calls)
        if turn.role == "user" and turn.name and turn.content
        else turn
        for turn in turns
    ]


def _tools_as_text(
    turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], guard: Callable[[str], str], speaker: str | None
) -> Iterator[Turn]:
    """Tools, calls and results as plain words, for a template that knows none of them."""
    described = ""
    if tools:
        lines = "\n".join(guard(_tojson(tool.get("function", tool))) for tool in tools)
        described = TOOLS_PROMPT.format(tools=lines)
    rest = list(turns)
    if described:
        system = rest.pop(0).content + "\n\n" if rest and rest[0].role == "system" else ""
        yield Turn("system", system + described)
    for turn in rest:
        if turn.role == "tool":
            # In words, not tags: a small model goes on with the last tag that it saw.
            yield Turn("user", f"The function answered: {turn.content}", turn.name)
        elif turn.calls and speaker is not None and turn.name not in (None, speaker):
            calls = "; ".join(f"{name} with {arguments}" for _, name, arguments in turn.calls)
            yield Turn("user", f"{turn.content}\n({turn.name} calls {calls})".strip(), turn.name)
        elif turn.calls:
            calls = "\n".join(_call_text(name, arguments) for _, name, arguments in turn.calls)
            yield Turn("assistant", f"{turn.content}\n{calls}" if turn.content else calls, turn.name)
        else:
            yield turn


def _call_text(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments}}}\n</tool_call>'


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """Turns in which no role, tools' aside, follows itself; the first after the system message is the user's."""
    merged: list[Turn] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is not None and last.role == turn.role != "tool" and not last.calls and not turn.calls:
            merged[-1] = Turn(turn.role, f"{last.content}\n\n{turn.content}", turn.name)
        elif turn.role == "system" and merged:
            merged.append(Turn("user", turn.content))
        else:
            merged.append(turn)
    start = 1 if merged and merged[0].role == "system" else 0
    if start < len(merged) and merged[start].role == "assistant":
        merged.insert(start, Turn("user", "Go on."))
    return merged if merged == list(turns) else _merged(merged)


def _system_in_user(turns: Sequence[Turn]) -> list[Turn]:
    return [Turn("user", turn.content) if turn.role == "system" else turn for turn in turns]


def _as_dict(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.name and turn.role == "tool":
        message["name"] = turn.name
    if turn.call_id:
        message["tool_call_id"] = turn.call_id
    if turn.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": _loaded(arguments)}}
            for call_id, name, arguments in turn.calls
        ]
    return message


def _loaded(arguments: str) -> Any:
    """Arguments as templates want them: an object; what is no JSON stays text."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:
    """JSON as models know it: Jinja's own filter escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
