"""What an agent has used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ConfigError
from ..core.usage import UsageLedger


class UsageMixin:
    """Usage of an agent over all its chats, in AutoGen 0.2's vocabulary.

    Attributes:
        usage: The sums.
    """

    name: str
    usage: UsageLedger

    def get_actual_usage(self) -> dict[str, Any] | None:
        """Usage without what a cache answered, by model; None if there is none."""
        return self.usage.summary(actual=True) if self.usage.actual.requests else None

    def get_total_usage(self) -> dict[str, Any] | None:
        """Usage with what a cache answered, by model; None if there is none."""
        return self.usage.summary() if self.usage.total.requests else None

    def print_usage_summary(self, mode: str | Sequence[str] = ("actual", "total")) -> None:
        """Prints the usage.

        Args:
            mode: "actual", "total", "both", or a list of the first two.

        Raises:
            ConfigError: If it is none of these.
        """
        modes = ["actual", "total"] if mode == "both" else [mode] if isinstance(mode, str) else list(mode)
        unknown = set(modes) - {"actual", "total"}
        if unknown or not modes:
            raise ConfigError(f'mode must be "actual", "total", "both" or a list of these, not {mode!r}')
        if not self.usage.total.requests:
            print(f"{self.name} has used no model.")
            return
        for one in modes:
            summary = self.usage.summary(actual=one == "actual")
            print(f"Usage of {self.name}, {one} ({'without' if one == 'actual' else 'with'} cached replies):")
            print(f"  total cost: {summary.pop('total_cost'):.5f}")
            for model, row in summary.items():
                print(
                    f"  {model}: cost {row['cost']:.5f}, prompt {row['prompt_tokens']}, "
                    f"completion {row['completion_tokens']}, total {row['total_tokens']} tokens"
                )
