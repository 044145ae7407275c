"""Reads a flow from a file: YAML or JSON, with functions by import path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..core.errors import ConfigError, MissingExtra
from ..core.limits import Limits
from . import schema
from .asking import ask
from .choosing import PROMPT, choose
from .conditions import failed, matches, raised, returned, says, succeeded
from .outputs import Output, call, chat, flow, instruct
from .references import References
from .running import run
from .views import View, last, since

if TYPE_CHECKING:
    from .machine import StateFlow

LARGEST = 1_000_000  # bytes
JSON, YAML = (".json",), (".yaml", ".yml")


def load(path: str | Path, names: Mapping[str, Any], modules: Iterable[str]) -> StateFlow:
    """The flow that a file declares; see `StateFlow.load`."""
    file = Path(path)
    if file.stat().st_size > LARGEST:
        raise ConfigError(f"{file} has {file.stat().st_size:,} bytes; a flow's file has at most {LARGEST:,}")
    text = file.read_text(encoding="utf-8")
    try:
        raw = json.loads(text) if is_json(file) else _from_yaml(text, str(file))
        spec = schema.FlowSpec.model_validate(raw)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise ConfigError(f"{file} declares no flow: {said}") from error
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from error
    return _flow(spec, References(names, modules))


def is_json(file: Path) -> bool:
    """Whether a flow's file is JSON, by its name; otherwise it is YAML.

    Raises:
        ConfigError: If it is neither.
    """
    if file.suffix not in (*JSON, *YAML):
        raise ConfigError(f"a flow's file ends with .json, .yaml or .yml, not {file.suffix!r}")
    return file.suffix in JSON


def _from_yaml(text: str, name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("a flow in YAML", "yaml") from error

    class Loader(yaml.SafeLoader):
        """Safe, and without aliases, with which a short text could stand for a very long one."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise ConfigError(f"{name} has a YAML alias (*...), which a flow's file may not have")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is no YAML: {error}") from error


def _flow(spec: schema.FlowSpec, names: References) -> StateFlow:
    from .machine import StateFlow

    made = StateFlow(
        spec.name,
        initial=spec.initial,
        final=spec.final,
        model=_found(spec.model, names),
        system=spec.system,
        instruction=spec.instruction,
        max_transitions=spec.max_transitions,
        answer=_found(spec.answer, names),
    )
    for name, state in spec.states.items():
        made.state(
            name,
            *(_output(output, names, name) for output in state.outputs),
            model=_found(state.model, names),
            tools=[names.find(tool) for tool in state.tools] or None,
            view=_view(state.view, names),
            temperature=state.temperature,
            max_visits=state.max_visits,
            timeout=state.timeout,
            otherwise=state.otherwise,
            description=state.description,
        )
    for edge in spec.transitions:
        to = edge.to
        target = to if isinstance(to, str) else choose(
            _found(to.model, names), to.targets, prompt=to.prompt or PROMPT, default=to.default, retries=to.retries
        )  # fmt: skip
        made.transition(edge.source, target, when=_condition(edge.when, names))
    return made


def _found(name: str | None, names: References) -> Any:
    return names.find(name) if name is not None else None


def _only(spec: BaseModel, where: str, *beside: str) -> str:
    """The one key that is set."""
    given = [key for key in spec.model_fields_set if key not in beside]
    if len(given) != 1:
        raise ConfigError(f"{where} takes exactly one of {', '.join(type(spec).model_fields)}, not {sorted(given)}")
    return given[0]


def _output(spec: schema.OutputSpec, names: References, state: str) -> Output:
    kind = _only(spec, f"an output of the state {state!r}", "task")
    if kind == "instruct":
        return instruct(spec.instruct or "")
    if kind == "call":
        return call(_found(spec.call, names))
    if spec.chat is not None:
        options = _chat_options(spec.chat.options, names)
        return chat(names.find(spec.chat.agent), _message(spec.chat.message, names), **options)
    if spec.flow is not None:
        return flow(_flow(spec.flow, names), _message(spec.task, names))
    if spec.run is not None:
        given = spec.run if isinstance(spec.run, schema.RunSpec) else schema.RunSpec(tool=spec.run)
        thing = given.tool or given.executor
        if thing is None:
            raise ConfigError(f"a run of the state {state!r} names a tool or an executor")
        arguments = given.arguments
        function = names.find(arguments.call) if isinstance(arguments, schema.ToolArguments) else arguments
        return run(names.find(thing), function, name=given.name)
    asked = spec.ask if isinstance(spec.ask, schema.AskSpec) else schema.AskSpec(prompt=spec.ask or "")
    who = _found(asked.model or asked.agent, names)
    return ask(who, asked.prompt, view=_view(asked.view, names), rounds=asked.rounds)


def _chat_options(spec: schema.ChatOptionsSpec | None, names: References) -> dict[str, Any]:
    if spec is None:
        return {}
    options = {key: getattr(spec, key) for key in spec.model_fields_set}
    if spec.limits is not None:
        options["limits"] = Limits(**spec.limits.model_dump())
    if isinstance(spec.summary_method, schema.ToolArguments):
        options["summary_method"] = names.find(spec.summary_method.call)
    return options


def _message(spec: str | schema.ToolArguments | None, names: References) -> Any:
    return names.find(spec.call) if isinstance(spec, schema.ToolArguments) else spec


def _view(spec: schema.ViewSpec | str | None, names: References) -> View:
    if spec is None or isinstance(spec, str):
        return spec
    kind = _only(spec, "a view")
    if kind == "call":
        return names.find(spec.call or "")  # type: ignore[no-any-return]
    return last(spec.last or 0) if kind == "last" else since(spec.since or "")


def _condition(spec: schema.ConditionSpec | str | None, names: References) -> Any:
    if spec is None:
        return None
    if isinstance(spec, str):
        return succeeded if spec == "succeeded" else failed
    kind = _only(spec, "a condition")
    if kind == "says":
        return says(spec.says or "")
    if kind == "matches":
        return matches(spec.matches or "")
    if kind == "raised":
        return raised(*(spec.raised or ()))
    if kind == "call":
        return names.find(spec.call or "")
    if isinstance(spec.returned, schema.ReturnedSpec):
        return returned(spec.returned.tool, names.find(spec.returned.test))
    return returned(spec.returned or "")
