"""``autogen.coding.jupyter.jupyter_code_executor``."""

from ....coding.jupyter.executor import JupyterCodeExecutor

__all__ = ["JupyterCodeExecutor"]
