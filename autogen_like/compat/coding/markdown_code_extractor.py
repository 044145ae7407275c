"""``autogen.coding.markdown_code_extractor``."""

from ...coding.blocks import MarkdownCodeExtractor

__all__ = ["MarkdownCodeExtractor"]
