"""PromptOptimizer: a model that improves an agent's system message from how its tasks went."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from .agent_optimizer import Proposal
from .asking import RETRIES, ActionAsker, Invalid, PromptTokens, client_of
from .evaluation import Evaluation, Failure, Module
from .prompts import PROMPT_MERGE, PROMPT_ROLE, merge_prompt, prompt_prompt

MAX_PROMPT = 20_000  # characters of a system message
TOOLS: Sequence[Mapping[str, Any]] = (
    {
        "type": "function",
        "function": {
            "name": "revise_prompt",
            "description": "Replaces the system message.",
            "parameters": {
                "type": "object",
                "properties": {"prompt": {"type": "string", "description": "The whole new message."}},
                "required": ["prompt"],
            },
        },
    },
)


class PromptOptimizer:
    """Improves an agent's system message; a `Trainer` and a `FineGrainedOptimizer` take it as they take functions'.

    Args:
        llm_config: Where its model is: a dict, an `LLMConfig` or a `ModelClient`.
        optimizer_model: Which of the models of `llm_config` it is; all of them by default. Or a model by itself.
        retries: How often the model is asked again for a message that was invalid.
        context: Tokens of the model's window; what the client knows, or 100,000, by default.

    Attributes:
        tokens: What its prompts took.

    Raises:
        ConfigError: If a setting can't be right.
    """

    def __init__(
        self,
        llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
        optimizer_model: Any = None,  # a name, or a model
        *,
        retries: int = RETRIES,
        context: int | None = None,
    ) -> None:
        self._asker = ActionAsker(client_of(llm_config, optimizer_model), context, retries)

    @property
    def tokens(self) -> PromptTokens:
        """What its prompts took."""
        return self._asker.tokens

    async def propose(
        self, best: Evaluation, failures: Sequence[Failure] = (), reserved: Collection[str] = ()
    ) -> Proposal:
        """A better message, or the same where the model has none.

        Args:
            best: The best message, and what came of the tasks with it.
            failures: Messages that were tried since and rolled back.
            reserved: Not for messages.
        """
        if not isinstance(best.module, str):
            raise ConfigError("a PromptOptimizer trains a system message; for functions take an AgentOptimizer")
        room = self._asker.room(PROMPT_ROLE, TOOLS)
        prompt = prompt_prompt(best, failures, room=room, count=self._asker.count)
        asked = await self._asker.ask(PROMPT_ROLE, prompt, TOOLS, _read)
        return Proposal(asked.value or best.module, rejected=asked.rejected, terminated=asked.terminated)

    async def merge(self, parts: Sequence[Evaluation], reserved: Collection[str] = ()) -> Module | None:
        """One message made of several; None where they don't fit the window, or the model wrote none.

        Args:
            parts: The messages, each with what came of its own tasks.
            reserved: Not for messages.
        """
        return await self._asker.merge(PROMPT_MERGE, merge_prompt(parts), TOOLS, _read)


async def _read(name: str, arguments: Mapping[str, Any]) -> str:
    text = arguments.get("prompt")
    if name != "revise_prompt" or not isinstance(text, str) or not text.strip():
        raise Invalid("call revise_prompt with the whole message as 'prompt'")
    if len(text) > MAX_PROMPT:
        raise Invalid(f"the message has {len(text):,} characters, and {MAX_PROMPT:,} are taken at most")
    return text.strip()
