"""``autogen.agentchat.contrib.capabilities.text_compressors``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from .....core.errors import ConfigError


@runtime_checkable
class TextCompressor(Protocol):
    """Whatever makes a text shorter."""

    def compress_text(self, text: str, **compression_params: Any) -> dict[str, Any]:
        """Shortens a text.

        Returns:
            ``compressed_prompt`` and, as may be, ``origin_tokens`` and ``compressed_tokens``.
        """
        ...


class _NoLLMLingua(ConfigError, ImportError):
    """The package isn't installed."""


class LLMLingua:
    """Compression by the package llmlingua, which downloads a model of its own.

    Args:
        prompt_compressor_kwargs: Arguments of its ``PromptCompressor``.
        structured_compression: Whether the text's own marks say what may be left out.

    Raises:
        ImportError: If the package is not installed; it is a `ConfigError`, too.
    """

    def __init__(
        self,
        prompt_compressor_kwargs: Mapping[str, Any] | None = None,
        structured_compression: bool = False,
    ) -> None:
        try:
            from llmlingua import PromptCompressor  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise _NoLLMLingua(
                "LLMLingua needs its package: pip install llmlingua; or give TextMessageCompressor a text_compressor="
            ) from None
        self._compressor = PromptCompressor(**(prompt_compressor_kwargs or {"use_llmlingua2": False}))
        name = "structured_compress_prompt" if structured_compression else "compress_prompt"
        self._compress = getattr(self._compressor, name)

    def compress_text(self, text: str, **compression_params: Any) -> dict[str, Any]:
        """Shortens a text."""
        return self._compress([text], **compression_params)  # type: ignore[no-any-return]
