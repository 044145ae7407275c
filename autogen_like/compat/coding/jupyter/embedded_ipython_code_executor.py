"""``autogen.coding.jupyter.embedded_ipython_code_executor``."""

from ....coding.jupyter.executor import EmbeddedIPythonCodeExecutor

__all__ = ["EmbeddedIPythonCodeExecutor"]
