"""Writes a flow to a file: YAML or JSON, with functions by import path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..core.errors import ConfigError, MissingExtra
from ..core.limits import Limits
from . import schema
from .asking import Ask
from .choosing import PROMPT, Choose
from .conditions import Condition, Ended, Matches, Predicate, Raised, Returned, Says
from .loading import is_json
from .outputs import Call, Chat, Instruct, Nested, Output
from .references import References
from .running import RunCode, RunTool
from .views import LastMessagesView, SinceView, View

if TYPE_CHECKING:
    from .machine import StateFlow


def save(made: StateFlow, path: str | Path, names: Mapping[str, Any]) -> None:
    """Writes a flow to a file; see `StateFlow.save`."""
    file, spec = Path(path), _spec(made, References(names))
    try:
        raw = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValueError as error:
        raise ConfigError(f"the flow {made.name!r} has arguments that a file can't hold: {error}") from error
    if is_json(file):
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
        given = _set(message=_call_or(output.message, names))
        if output.options:
            given["options"] = _chat_options_spec(output, names)
        return spec(chat=schema.ChatSpec(agent=names.name_of(output.agent), **given))
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


def _chat_options_spec(output: Chat, names: References) -> schema.ChatOptionsSpec:
    options = dict(output.options)
    unknown = [key for key in options if key not in schema.ChatOptionsSpec.model_fields]
    if unknown:
        raise ConfigError(
            f"chat({output.speaker}, {', '.join(f'{key}=...' for key in unknown)}) can't be written to a file, which "
            f"may say {', '.join(schema.ChatOptionsSpec.model_fields)}: call() a function that has the chat"
        )
    if isinstance(options.get("limits"), Limits):
        options["limits"] = schema.LimitsSpec(**_set(**asdict(options["limits"])))
    if "summary_method" in options:
        options["summary_method"] = _call_or(options["summary_method"], names)
    try:
        return schema.ChatOptionsSpec(**options)
    except ValidationError as error:
        raise ConfigError(f"the options of chat({output.speaker}) can't be written to a file: {error}") from error


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
