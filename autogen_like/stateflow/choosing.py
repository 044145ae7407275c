"""A transition that a model decides, among the states that are legal there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..agents.backends.model import active_cache, ask_model
from ..core.errors import ConfigError
from ..core.run import Run
from ..core.termination import StopReason
from ..groupchat.selection import mentioned
from ..models.cache import with_cache
from ..models.client import Choice, ModelClient, ModelRequest
from ..models.config import client_from
from .asking import is_model
from .context import Context
from .views import filled, wire

PROMPT = "What comes next? Answer with one of these, and nothing else: {choices}"
AGAIN = "That names none of these, or several. Answer with exactly one, and nothing else: {choices}"


@dataclass(frozen=True, slots=True)
class Choose:
    """A choice among states; see `choose`."""

    client: ModelClient | None
    targets: tuple[str, ...]
    prompt: str = PROMPT
    default: str = ""
    retries: int = 2

    async def among(
        self, options: tuple[str, ...], context: Context, conversation: str, run: Run[Any]
    ) -> tuple[str, str] | StopReason:
        """Has the model choose.

        Args:
            options: The states that are legal now.
            context: Where the flow is.
            conversation: The conversation's id.
            run: The run.

        Returns:
            The state, and why; or the budget that is spent.
        """
        client = self.client or context.declared.client or context.plan.client
        assert client is not None  # noqa: S101 - checked when the flow was built
        constrained = client.capabilities.choices
        fallback = self.default if self.default in options else options[0]
        described = "\n".join(_described(name, context) for name in options)
        tail: list[Mapping[str, Any]] = [
            {"role": "user", "content": filled(self.prompt, context).replace("{choices}", described)}
        ]
        speaker = context.plan.name
        for attempt in range(1, 2 if constrained else self.retries + 2):
            over = run.over_budget()
            if over is not None:
                return over
            request = ModelRequest(
                wire(context.declared.view, context, speaker, tail),
                context.plan.system or None,
                constraint=Choice(options) if constrained else None,
                params={"temperature": 0} if context.declared.temperature is not None else {},
            )
            asked = with_cache(client, active_cache.get())
            answer = (await ask_model(asked, request, run, conversation, speaker, show=False)).content or ""
            found = mentioned(answer, options)
            if len(found) == 1:
                return found[0], f"the model chose it{'' if attempt == 1 else f', asked {attempt} times'}"
            tail += [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": AGAIN.replace("{choices}", described)},
            ]
        return fallback, "the model named no state; this is the default"


def _described(name: str, context: Context) -> str:
    description = context.plan.states[name].description
    return f"{name}: {description}" if description else name


def choose(
    model: Any,
    targets: Iterable[str],
    *,
    prompt: str = PROMPT,
    default: str | None = None,
    retries: int = 2,
) -> Choose:
    """The target of a transition that a model chooses.

    A model that can be constrained names exactly one. Any other is asked again when it names none or several, and then
    the default is taken. A state whose visits are used up is not on offer.

    Args:
        model: The model (a client or an ``llm_config``); None for the state's or the flow's.
        targets: The states to choose from.
        prompt: What it is asked behind the history; {choices} is filled in, with the states' descriptions.
        default: Where to go when it names no state; the first of the targets by default.
        retries: How often it is asked again.

    Example:
        >>> choose(None, ["solve", "end"]).default
        'solve'

    Raises:
        ConfigError: If there are not two states to choose from, or the default is none of them.
    """
    if isinstance(targets, str):
        raise ConfigError(f"choose() takes a list of states, not the text {targets!r}")
    names = tuple(targets)
    if len(set(names)) != len(names) or len(names) < 2:
        raise ConfigError(f"choose() takes at least two different states, not {list(names)}")
    if default is not None and default not in names:
        raise ConfigError(f"the default {default!r} of choose() is none of its states {list(names)}")
    if retries < 0:
        raise ConfigError(f"the retries of choose() must be 0 or more, not {retries}")
    if "{choices}" not in prompt:
        raise ConfigError("the prompt of choose() needs a place for the states: {choices}")
    if model is not None and not is_model(model):
        raise ConfigError(f"choose() takes a model (a client or an llm_config), not {model!r}")
    client = client_from(model) if model is not None else None
    return Choose(client, names, prompt, default or names[0], retries)
