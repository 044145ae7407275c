"""Flows in files: YAML or JSON, with functions by import path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..core.errors import ConfigError, MissingExtra
from . import schema
from .asking import Ask, ask
from .choosing import PROMPT, Choose, choose
from .conditions import (
    Condition,
    Ended,
    Matches,
    Predicate,
    Raised,
    Returned,
    Says,
    failed,
    matches,
    raised,
    returned,
    says,
    succeeded,
)
from .outputs import Call, Chat, Instruct, Nested, Output, call, chat, flow, instruct
from .references import References
from .running import RunCode, RunTool, run
from .views import LastMessagesView, SinceView, View, last, since

if TYPE_CHECKING:
    from .machine import StateFlow

LARGEST = 1_000_000  # bytes
JSON, YAML = (".json",), (".yaml", ".yml")


# --- reading


def load(path: str | Path, names: Mapping[str, Any], modules: Iterable[str]) -> StateFlow:
    """The flow that a file declares; see `StateFlow.load`."""
    file = Path(path)
    if file.stat().st_size > LARGEST:
        raise ConfigError(f"{file} has {file.stat().st_size:,} bytes; a flow's file has at most {LARGEST:,}")
    text = file.read_text(encoding="utf-8")
    try:
        raw = json.loads(text) if _is_json(file) else _from_yaml(text, str(file))
        spec = schema.FlowSpec.model_validate(raw)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise ConfigError(f"{file} declares no flow: {said}") from error
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from error
    return _flow(spec, References(names, modules))


def _is_json(file: Path) -> bool:
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
        return chat(names.find(spec.chat.agent), _message(spec.chat.message, names))
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


# --- writing


def save(made: StateFlow, path: str | Path, names: Mapping[str, Any]) -> None:
    """Writes a flow to a file; see `StateFlow.save`."""
    file, spec = Path(path), _spec(made, References(names))
    raw = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if _is_json(file):
        text = json.dumps(raw, indent=2, ensure_ascii=False) + "\n"
    else:
        try:
            import yaml
        except ImportError as error:
            raise MissingExtra("a flow in YAML", "yaml") from error
        text = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True)
    file.write_text(text, encoding="utf-8")


def _set(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {key: value for key, value in fields.items() if value not in (None, "", (), [])}


def _named(thing: Any, names: References) -> str | None:
    return names.name_of(thing) if thing is not None else None


def _spec(made: StateFlow, names: References) -> schema.FlowSpec:
    states = {
        name: schema.StateSpec(
            **_set(
                outputs=[_output_spec(output, names) for output in state.outputs],
                model=_named(state.client, names),
                tools=[names.name_of(tool) for tool in _tools(state.tools, name)],
                view=_view_spec(state.view, names),
                temperature=state.temperature,
                max_visits=state.max_visits,
                timeout=state.timeout,
                otherwise=state.otherwise,
                description=state.description,
            )
        )
        for name, state in made.states.items()
    }
    edges = [
        schema.TransitionSpec(
            **{"from": edge.source, "to": _target_spec(edge.target, names)},
            **_set(when=_condition_spec(edge.condition, names)),
        )
        for edge in made.transitions
    ]
    return schema.FlowSpec(
        stateflow=1,
        name=made.name,
        initial=made.initial,
        final=list(made.final),
        **_set(model=_named(made.client, names), system=made.system, answer=_named(made.answer, names)),
        instruction=made.instruction,
        max_transitions=made.max_transitions,
        states=states,
        transitions=edges,
    )


def _tools(source: Any, state: str) -> Iterable[Any]:
    if source is None:
        return ()
    try:
        return list(source)
    except TypeError:
        raise ConfigError(f"the tools of the state {state!r} come from {source!r}, which a file can't name") from None


def _target_spec(target: str | Choose, names: References) -> Any:
    if isinstance(target, str):
        return target
    return schema.ChooseSpec(
        targets=list(target.targets),
        **_set(model=_named(target.client, names), prompt=target.prompt if target.prompt != PROMPT else None),
        default=target.default,
        retries=target.retries,
    )


def _call_or(value: Any, names: References) -> Any:
    return schema.ToolArguments(call=names.name_of(value)) if callable(value) else value


def _output_spec(output: Output, names: References) -> schema.OutputSpec:
    spec = schema.OutputSpec
    if isinstance(output, Instruct):
        return spec(instruct=output.prompt)
    if isinstance(output, Call):
        return spec(call=names.name_of(output.function))
    if isinstance(output, Chat):
        if output.options:
            raise ConfigError(f"chat() with {', '.join(output.options)} can't be written to a file: call() a function")
        message = _call_or(output.message, names)
        return spec(chat=schema.ChatSpec(agent=names.name_of(output.agent), **_set(message=message)))
    if isinstance(output, Nested):
        return spec(flow=_spec(output.flow, names), **_set(task=_call_or(output.task, names)))
    if isinstance(output, RunTool):
        arguments = dict(output.arguments) if isinstance(output.arguments, Mapping) else output.arguments
        given = _set(tool=names.name_of(output.tool))
        if arguments is not None:
            given["arguments"] = _call_or(arguments, names)
        return spec(run=schema.RunSpec(**given))
    if isinstance(output, RunCode):
        return spec(run=schema.RunSpec(executor=names.name_of(output.executor), name=output.name))
    if isinstance(output, Ask):
        asked = _set(
            prompt=output.prompt,
            model=_named(output.client, names),
            agent=_named(output.agent, names),
            view=_view_spec(output.view, names),
        )
        return spec(ask=schema.AskSpec(**asked, rounds=output.rounds))
    raise ConfigError(f"the output {output!r} can't be written to a file")


def _view_spec(view: View, names: References) -> schema.ViewSpec | str | None:
    if view is None or isinstance(view, str):
        return view
    if isinstance(view, LastMessagesView):
        return schema.ViewSpec(last=view.count)
    if isinstance(view, SinceView):
        return schema.ViewSpec(since=view.state)
    return schema.ViewSpec(call=names.name_of(view))


def _condition_spec(condition: Condition | None, names: References) -> Any:
    spec = schema.ConditionSpec
    if condition is None or isinstance(condition, Ended):
        return str(condition) if condition is not None else None
    if isinstance(condition, Says):
        return spec(says=condition.wanted)
    if isinstance(condition, Matches):
        return spec(matches=condition.pattern.pattern)
    if isinstance(condition, Raised):
        return spec(raised=list(condition.types))
    if isinstance(condition, Returned):
        if condition.test is None:
            return spec(returned=condition.tool)
        return spec(returned=schema.ReturnedSpec(tool=condition.tool, test=names.name_of(condition.test)))
    if isinstance(condition, Predicate):
        return spec(call=names.name_of(condition.function))
    return spec(call=names.name_of(condition))
