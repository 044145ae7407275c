"""Old scripts: run as they are, and moved; and the module paths that they import."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from autogen_like import cli
from autogen_like.compat.migration import migrate
from autogen_like.compat.migration.findings import differences
from autogen_like.compat.migration.imports import rewritten

ROOM = Path(importlib.import_module("autogen_like.compat").__file__ or "").parent
SCRIPT = """import sys
import autogen, autogen.oai
from autogen.agentchat.groupchat import GroupChat
import autogen.agentchat.contrib.capabilities.transforms as transforms

a = autogen.ConversableAgent("a", human_input_mode="NEVER")
b = autogen.ConversableAgent("b", human_input_mode="NEVER", default_auto_reply="ok")
print(a.initiate_chat(b, message="hi", max_turns=1, silent=True).summary, sys.argv[1:], GroupChat is autogen.GroupChat)
"""


def kinds(source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.kind) for finding in differences(source)]


def test_there_are_at_least_fifty_module_paths() -> None:
    paths = [path for path in ROOM.rglob("*.py") if not path.name.startswith("_") or path.name == "__init__.py"]
    assert len(paths) >= 50


def test_a_script_runs_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "autogen_like", "run", str(script), "--flag", "1"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.strip() == "ok ['--flag', '1'] True"


def test_a_script_that_is_not_there_is_an_error_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "nowhere.py"]) == 1
    assert "there is no script nowhere.py" in capsys.readouterr().err


def test_a_moved_script_runs_by_itself(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text(SCRIPT)
    (report,) = migrate(script)
    assert report.changed
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.startswith("ok ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import autogen", "import autogen_like.compat as autogen"),
        ("import autogen as ag", "import autogen_like.compat as ag"),
        ("import autogen.io", "import autogen_like.compat as autogen, autogen_like.compat.io"),
        ("import autogen.io as x", "import autogen_like.compat.io as x"),
        ("import os, autogen", "import os, autogen_like.compat as autogen"),
        ("from autogen import *", "from autogen_like.compat import *"),
        ("if x:\n    from autogen.io import A  # y", "if x:\n    from autogen_like.compat.io import A  # y"),
        ("é = 1; import autogen; y = 2", "é = 1; import autogen_like.compat as autogen; y = 2"),
        ("import autogenous\nfrom . import autogen", "import autogenous\nfrom . import autogen"),
        ("!pip install autogen\nimport autogen", "!pip install autogen\nimport autogen_like.compat as autogen"),
    ],
)  # fmt: skip
def test_imports_are_rewritten(old: str, new: str) -> None:
    assert rewritten(old)[0] == new


def test_what_is_not_here_is_told_with_its_reason() -> None:
    source = "from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent\nfrom autogen import Nothing"
    missing = [finding.text for finding in rewritten(source)[1] if finding.kind == "missing"]
    assert any("retired" in text for text in missing)
    assert any("autogen has no Nothing" in text for text in missing)
    assert "base_url" in rewritten("import autogen.oai.gemini")[1][1].text
    for module in ("web_surfer", "captainagent", "vectordb.chromadb", "llamaindex_conversable_agent"):
        (told,) = (one for one in rewritten(f"import autogen.agentchat.contrib.{module}")[1] if one.kind == "missing")
        assert "here: " in told.text


@pytest.mark.parametrize(
    "line",
    [
        "UserProxyAgent('u')",
        "autogen.UserProxyAgent('u', code_execution_config={'work_dir': 'x'})",
        "LocalCommandLineCodeExecutor()",
        "DockerCommandLineCodeExecutor(work_dir='x')",
        "config = {'config_list': entries}",
        "config = dict(config_list=entries)",
        "AssistantAgent('a', llm_config={'model': 'm'})",
        "OpenAIWrapper(config_list=entries)",
        "config = {'config_list': entries, 'cache_seed': 41}",
        "await a.a_initiate_chat(b)",
        "a.initiate_chat(b, max_turns=2)",
        "GroupChat(agents, [], enable_clear_history=True)",
        "GroupChat(agents, [], admin_name='me')",
        "a.register_for_execution()(f)",
        "groupchat.messages.append(message)",
        "a.chat_messages[b].pop()",
        "a.chat_messages[b][0]['content'] = 'x'",
        "groupchat.messages[-1]['content'] += 'x'",
        "print(result.cost)",
        "patch('autogen.oai.client')",
    ],
)
def test_what_behaves_differently_is_told_with_its_line(line: str) -> None:
    assert (2, "differs") in kinds(f"import autogen\n{line}")


@pytest.mark.parametrize(
    "line",
    [
        "UserProxyAgent('u', code_execution_config=False)",
        "UserProxyAgent('u', **settings)",
        "UserProxyAgent('u', code_execution_config={'use_docker': False})",
        "UserProxyAgent('u', code_execution_config={'executor': executor})",
        "config = {'config_list': entries, 'cache_seed': None}",
        "messages.append(message)",
        "a.initiate_chat(b)",
    ],
)
def test_what_is_the_same_is_not_told(line: str) -> None:
    assert kinds(line) == []


@pytest.mark.parametrize(
    ("line", "kind", "word"),
    [
        ("MathUserProxyAgent('m')", "missing", "code_execution_config"),
        ("MathUserProxyAgent('m', code_execution_config={'executor': e})", "differs", "query="),
        ("RetrieveUserProxyAgent('r', code_execution_config=False)", "differs", "embedding_function"),
        ("RetrieveUserProxyAgent('r', retrieve_config={'vector_db': 'chroma'})", "missing", "pgvector"),
        ("RetrieveUserProxyAgent('r', retrieve_config={'client': chroma})", "missing", "db_config"),
        ("RetrieveUserProxyAgent('r', retrieve_config={'embedding_model': 'm'})", "differs", "words"),
        ("create_vector_db_from_dir('docs', client=chroma)", "differs", "VectorDB"),
        ("query_vector_db(['x'], embedding_model='m')", "missing", "embedding_function"),
        ("VectorDBFactory.create_vector_db('qdrant')", "missing", "pgvector"),
        ("Teachability()", "differs", "SQLite"),
        ("VisionCapability(config)", "differs", "image_folders"),
        ("MultimodalConversableAgent('eye')", "differs", "first speaker"),
        ("AgentBuilder()", "differs", "code_execution_config"),
        ("AgentOptimizer(3, config)", "differs", "Docker"),
    ],
)
def test_what_contrib_agents_do_differently_is_told(line: str, kind: str, word: str) -> None:
    assert any(found.kind == kind and word in found.text for found in differences(line))


@pytest.mark.parametrize(
    "line",
    [
        "RetrieveUserProxyAgent('r', code_execution_config=False, retrieve_config=settings)",
        "RetrieveUserProxyAgent('r', code_execution_config=False, retrieve_config={'embedding_function': f})",
        "MultimodalConversableAgent('eye', image_folders=['.'])",
        "VectorDBFactory.create_vector_db('pgvector')",
        "AgentOptimizer(3, config, executor='local')",
    ],
)
def test_what_contrib_agents_do_as_before_is_not_told(line: str) -> None:
    assert kinds(line) == []


def test_private_names_without_a_counterpart_are_told() -> None:
    assert kinds("agent._prepare_chat(b)") == [(1, "missing")]
    assert kinds("Cache.cosmos_db()") == [(1, "missing")]


def test_folders_and_notebooks_are_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["autogen"], "metadata": {}},
        {"cell_type": "code", "source": ["import autogen\n", "x = 1"], "metadata": {}, "outputs": []},
        {"cell_type": "code", "source": "user = autogen.UserProxyAgent('u')", "metadata": {}, "outputs": []},
    ]
    notebook = tmp_path / "sub" / "old.ipynb"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1))
    (tmp_path / "broken.py").write_text("import autogen\nthis is no Python")
    (tmp_path / "other.py").write_text("UserProxyAgent('u')")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.py").write_text("import autogen")
    assert cli.main(["migrate", str(tmp_path), "--dry-run"]) == 1
    assert "import autogen\\n" in notebook.read_text()
    assert cli.main(["migrate", str(tmp_path)]) == 1, "one file couldn't be read"
    told = capsys.readouterr().out
    assert "broken.py: left as it is" in told
    assert "other.py" not in told
    assert "cell 3: 1: differs: 0.2 ran the code" in told
    assert json.loads(notebook.read_text())["cells"][1]["source"] == [
        "import autogen_like.compat as autogen\n",
        "x = 1",
    ]
    assert cli.main(["migrate", str(tmp_path / "nowhere")]) == 1


def test_a_script_keeps_its_line_ends(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_bytes(b"import autogen\r\nx = 1\r\n")
    migrate(script)
    assert script.read_bytes() == b"import autogen_like.compat as autogen\r\nx = 1\r\n"
