"""Function sets don't change; they are compared, kept as plain files, and used by agents."""

from __future__ import annotations

import json
import os
import pickle

import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    FunctionSet,
    LearnedFunction,
    ModelResponse,
    ScriptedModel,
    ToolCall,
)
from autogen_like.optimizer.function import BadFunction


@pytest.fixture
def two(kit):
    return FunctionSet([kit.function("beta"), kit.function("alpha")])


def test_each_change_gives_a_new_set_of_the_next_version(kit, two):
    three = two.add(kit.function("gamma"))
    other = three.revise(kit.function("beta", "return -x"))
    less = other.remove("alpha")
    assert [list(one) for one in (two, three, less)] == [
        ["alpha", "beta"],
        ["alpha", "beta", "gamma"],
        ["beta", "gamma"],
    ]
    assert [one.version for one in (two, three, other, less)] == [0, 1, 2, 3]
    assert two["beta"].code == "def beta(x):\n    return x\n"
    with pytest.raises(TypeError):
        two.functions_by_name["beta"] = kit.function("beta")


def test_sets_with_the_same_functions_are_equal(kit, two):
    again = two.add(kit.function("gamma")).remove("gamma")
    assert again == two
    assert hash(again) == hash(two)
    assert again.version == 2
    assert two != "alpha beta"


def test_a_set_is_taken_to_another_process(two):
    again = pickle.loads(pickle.dumps(two.remove("alpha")))
    assert (list(again), again.version) == (["beta"], 1)


def test_what_can_not_be_changed_is_an_error(kit, two):
    for change in (
        lambda: two.add(kit.function("beta")),
        lambda: two.remove("x"),
        lambda: two.revise(kit.function("x")),
    ):
        with pytest.raises(ConfigError, match="there is"):
            change()
    with pytest.raises(ConfigError, match="same name"):
        FunctionSet([kit.function("a"), kit.function("a")])


def test_a_diff_reads_like_one(kit, two):
    after = two.remove("alpha").revise(kit.function("beta", "return -x")).add(kit.function("gamma"))
    assert after.diff(two).splitlines() == [
        "- alpha(x): Does it.",
        "~ beta(x): Does it.",
        '       x: {"description": "x", "type": "number"}',
        "       def beta(x):",
        "      -    return x",
        "      +    return -x",
        "+ gamma(x): Does it.",
        "      def gamma(x):",
        "          return x",
    ]
    assert after.diff(after) == ""


def test_a_set_is_kept_as_plain_python_files(two, tmp_path):
    two.save(tmp_path / "set")
    assert sorted(file.name for file in (tmp_path / "set").iterdir()) == ["alpha.py", "beta.py", "manifest.json"]
    assert (tmp_path / "set" / "alpha.py").read_text() == two["alpha"].code
    again = FunctionSet.load(tmp_path / "set")
    assert (again, again.version) == (two, two.version)
    less = two.remove("alpha")
    less.save(tmp_path / "set")
    assert not (tmp_path / "set" / "alpha.py").exists()
    assert FunctionSet.load(tmp_path / "set") == less


def test_a_folder_of_other_things_is_not_written_to(two, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no function set's folder"):
        two.save(tmp_path)


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", "{}", '{"format": 9, "version": 0, "functions": []}',
     '{"format": 1, "version": 0, "functions": [{"name": "../../etc/passwd"}]}',
     '{"format": 1, "version": 0, "functions": [{"name": "gone", "description": "d", "parameters": {}}]}'],
)  # fmt: skip
def test_a_folder_that_is_none_of_ours_is_refused(manifest, tmp_path):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        FunctionSet.load(tmp_path)


def test_code_that_was_changed_by_hand_is_checked_when_it_is_loaded(two, tmp_path):
    two.save(tmp_path)
    (tmp_path / "alpha.py").write_text("import os\ndef alpha(x):\n    return os.listdir(x)")
    with pytest.raises(ConfigError, match="'alpha': line 1: the module os may not be imported"):
        FunctionSet.load(tmp_path)
    assert FunctionSet.load(tmp_path, modules={"os"})["alpha"].code.startswith("import os")
    (tmp_path / "alpha.py").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="can't be read"):
        FunctionSet.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "1st"}, "letters, digits"),
        ({"name": 7}, "letters, digits"),
        ({"name": "x" * 65}, "letters, digits"),
        ({"description": " "}, "no description"),
        ({"description": "x" * 3000}, "3,000 characters"),
        ({"code": 7}, "must be a text"),
        ({"packages": 7}, "must be a list"),
        ({"packages": ["numpy>=1"]}, "no package's name"),
        ({"packages": "https://evil.example/x.whl"}, "no package's name"),
        ({"arguments": {}}, "doesn't describe x"),
        ({"description": "\ud800"}, "lone surrogates"),
        ({"arguments": {"x": {"type": "number", "description": "\ud800"}}}, "can't be sent"),
        ({"arguments": {"x": {"type": "number", "description": "x" * 10_000}}}, "10,000 are taken"),
    ],
)
def test_what_is_no_function_is_refused(change, said):
    fields = {
        "name": "f",
        "description": "d",
        "arguments": {"x": {"type": "number"}},
        "code": "def f(x):\n    return x",
    }
    with pytest.raises(BadFunction) as refused:
        LearnedFunction.checked(**{**fields, **change})
    assert said in str(refused.value)


def test_a_record_without_a_field_is_refused():
    with pytest.raises(ConfigError, match="lacks 'name'"):
        LearnedFunction.from_dict({})


async def test_an_agent_uses_a_set_and_then_another(kit, two, sandbox):
    calls = ModelResponse(None, (ToolCall("1", "alpha", '{"x": 3}'), ToolCall("2", "beta", '{"x": "no"}')))
    agent = AssistantAgent("ada", llm_config=ScriptedModel([calls, "Done."]))
    agent.use(two, sandbox)
    (first, _) = agent.tool_schemas()
    assert first["function"] == {
        "description": "Does it.",
        "name": "alpha",
        "parameters": {
            "type": "object",
            "properties": {"x": {"description": "x", "type": "number"}},
            "required": ["x"],
        },
    }
    result = await agent.run(message="Go.", silent=True)
    assert [one.content for one in result.messages[2].tool_results] == [
        "3",
        'Error: the arguments don\'t fit: x: must be number, not "no"',
    ]
    agent.use(FunctionSet([kit.function("gamma")]), sandbox)
    assert [spec["function"]["name"] for spec in agent.tool_schemas()] == ["gamma"]
    assert agent.tools.names == ("gamma",)
    agent.use(FunctionSet())
    assert list(agent.tool_schemas()) == []


def test_a_function_with_the_name_of_a_tool_is_refused_and_nothing_changes(kit, two, sandbox):
    def beta(x: int) -> int:
        """The agent's own."""
        return x

    agent = AssistantAgent("ada", llm_config=ScriptedModel([]), tools=[beta])
    with pytest.raises(ConfigError, match="tools of its own named beta"):
        agent.use(two, sandbox)
    assert agent.tools.get("beta").function is beta
    assert agent.tools.names == ("beta",)


def test_the_manifest_says_all_but_the_code(two, tmp_path):
    two.save(tmp_path)
    (alpha, _) = json.loads((tmp_path / "manifest.json").read_text())["functions"]
    assert set(alpha) == {"name", "description", "parameters", "packages"}


@pytest.mark.parametrize("name", ["alpha.py", "manifest.json", ".beta.py.part"])
def test_links_in_a_folder_are_not_followed(two, tmp_path, name):
    victim, folder = tmp_path / "victim", tmp_path / "set"
    two.save(folder)
    text = (folder / name).read_text() if (folder / name).exists() else ""
    victim.write_text(text)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(victim)
    if not name.startswith("."):
        with pytest.raises(ConfigError, match="is a link, or no file"):
            FunctionSet.load(folder)
    if name == "manifest.json":
        with pytest.raises(ConfigError, match="is a link, or no file"):
            two.save(folder)
    else:
        two.remove("alpha").save(folder)
        assert list(FunctionSet.load(folder)) == ["beta"]
    assert victim.read_text() == text


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(two, tmp_path):
    two.save(tmp_path)
    (tmp_path / "alpha.py").unlink()
    os.mkfifo(tmp_path / "alpha.py")
    with pytest.raises(ConfigError, match="no file"):
        FunctionSet.load(tmp_path)


@pytest.mark.parametrize("state", [{}, {"functions": [1], "version": 1}, {"functions": [], "version": "x"}, []])
def test_what_is_no_set_is_refused(state):
    with pytest.raises(ConfigError, match="no function set"):
        FunctionSet.from_dict(state)


def test_a_manifest_of_any_size_or_depth_is_refused(two, tmp_path):
    two.save(tmp_path)
    for text in ("[" * 100_000, " " * 10_000_001):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ConfigError, match="manifest"):
            FunctionSet.load(tmp_path)
