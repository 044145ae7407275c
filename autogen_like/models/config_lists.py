"""Lists of model configurations, as AutoGen 0.2 reads them: from JSON, a ``.env`` file, the environment, key files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from .endpoint import DEFAULT_AZURE_VERSION

Entry = dict[str, Any]
Filter = Mapping[str, Any]


def filter_config(config_list: Sequence[Entry], filter_dict: Filter | None, exclude: bool = False) -> list[Entry]:
    """The entries of a list that match a filter.

    Args:
        config_list: The entries.
        filter_dict: For each key the values that will do. A key whose value is a list (``tags``) matches when it has
            one of them; a missing key never matches. None or empty: all entries.
        exclude: Take the entries instead that match none of the filter's keys.

    Returns:
        A new list with the same entries.

    Example:
        >>> models = [{"model": "a", "tags": ["cheap"]}, {"model": "b"}]
        >>> [entry["model"] for entry in filter_config(models, {"tags": ["cheap", "fast"]})]
        ['a']
    """
    if not filter_dict:
        return list(config_list)
    wanted = {key: [values] if isinstance(values, str) else list(values) for key, values in filter_dict.items()}
    return [
        entry
        for entry in config_list
        if all(_matches(entry.get(key), values) != exclude for key, values in wanted.items())
    ]


def _matches(value: Any, wanted: list[Any]) -> bool:
    if value is None:
        return False
    if isinstance(value, list | tuple | set):
        return any(item in wanted for item in value)
    return value in wanted


def config_list_from_json(
    env_or_file: str, file_location: str | Path | None = "", filter_dict: Filter | None = None
) -> list[Entry]:
    """Reads a list of configurations from an environment variable, or else from a file.

    Args:
        env_or_file: Name of the variable, which holds JSON or a file's path; or of the file.
        file_location: The file's folder.
        filter_dict: Which entries to take: see `filter_config`.

    Raises:
        ConfigError: If there is neither, or it is not a JSON list of objects.
    """
    if "{" in env_or_file:  # not repeated: its keys would be
        raise ConfigError(
            "env_or_file must name an environment variable or a file; a list itself goes into 'config_list'"
        )
    told = os.environ.get(env_or_file)
    if told and not _is_file(told):
        return filter_config(_parse(told, f"the environment variable {env_or_file}"), filter_dict)
    path = Path(told) if told else Path(file_location or "") / env_or_file
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"no list of models: set the environment variable {env_or_file} to it (JSON, or a file's path), or write "
            f"it to the file {path} ({error.strerror})"
        ) from None
    return filter_config(_parse(text, f"the file {path}"), filter_dict)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # JSON makes a strange path, and may be too long for one
        return False


def _parse(text: str, where: str) -> list[Entry]:
    try:
        found = json.loads(text)
    except ValueError as error:
        # The error keeps the whole text, keys and all: only its words go on.
        raise ConfigError(f"{where} is not JSON: {error}") from None
    if isinstance(found, list) and all(isinstance(entry, dict) for entry in found):
        return found
    raise ConfigError(f'{where} must be a JSON list of objects, as [{{"model": "gpt-4.1-mini", "api_key": "..."}}]')


def config_list_from_dotenv(
    dotenv_file_path: str | Path | None = None,
    model_api_key_map: Mapping[str, str | Mapping[str, Any]] | None = None,
    filter_dict: Filter | None = None,
) -> list[Entry]:
    """Makes a list of configurations with keys from the environment or a ``.env`` file. The environment wins.

    Args:
        dotenv_file_path: The file; ``.env`` in this folder or one above it by default. Only read: the environment is
            left as it is.
        model_api_key_map: For each model the variable that holds its key, or a dict with ``api_key_env_var`` and
            further keys of its configuration. By default gpt-4 and gpt-3.5-turbo, both with OPENAI_API_KEY.
        filter_dict: Which entries to take: see `filter_config`.

    Returns:
        An entry for each model whose key was found.

    Raises:
        ConfigError: If a file was named that can't be read.
    """
    values = _read_dotenv(dotenv_file_path)
    found: list[Entry] = []
    models = model_api_key_map or {"gpt-4": "OPENAI_API_KEY", "gpt-3.5-turbo": "OPENAI_API_KEY"}
    for model, spec in models.items():
        settings = {"api_key_env_var": spec} if isinstance(spec, str) else dict(spec)
        variable = settings.pop("api_key_env_var", "OPENAI_API_KEY")
        key = os.environ.get(variable) or values.get(variable)
        if key:
            rest = {name: value for name, value in settings.items() if value is not None}
            found.append({"model": model, "api_key": key, **rest})
    return filter_config(found, filter_dict)


def _read_dotenv(path: str | Path | None) -> dict[str, str]:
    if path is None:
        here = Path.cwd()
        path = next((folder / ".env" for folder in (here, *here.parents) if (folder / ".env").is_file()), None)
        if path is None:
            return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"'dotenv_file_path': {path} can't be read ({error.strerror})") from None
    return dict(_dotenv_pairs(text))


def _dotenv_pairs(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if value[:1] in ("'", '"'):
            value = value[1:].partition(value[0])[0]
        else:
            value = value.partition(" #")[0].rstrip()
        yield name.strip(), value


def get_config_list(
    api_keys: Sequence[str],
    base_urls: Sequence[str] | None = None,
    api_type: str | None = None,
    api_version: str | None = None,
) -> list[Entry]:
    """An entry for each key, with the address at the same place of the other list; empty keys are left out.

    Raises:
        ConfigError: If the two lists are not equally long.
    """
    if base_urls is not None and len(base_urls) != len(api_keys):
        raise ConfigError(f"{len(api_keys)} api_keys and {len(base_urls)} base_urls: there must be one for each key")
    found: list[Entry] = []
    for index, key in enumerate(api_keys):
        if not key.strip():
            continue
        entry: Entry = {"api_key": key.strip()}
        for name, value in (
            ("base_url", base_urls[index].strip() if base_urls is not None else None),
            ("api_type", api_type),
            ("api_version", api_version),
        ):
            if value:
                entry[name] = value
        found.append(entry)
    return found


def config_list_openai_aoai(
    key_file_path: str | Path | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    openai_api_base_file: str | None = "base_openai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
) -> list[Entry]:
    """Entries for OpenAI and Azure, from the environment or from files with one key or address a line.

    Args:
        key_file_path: Folder of the files; None reads none.
        openai_api_key_file: File of keys, where OPENAI_API_KEY is not set.
        aoai_api_key_file: File of Azure keys, where AZURE_OPENAI_API_KEY is not set.
        openai_api_base_file: File of addresses, where OPENAI_API_BASE is not set.
        aoai_api_base_file: File of Azure addresses, where AZURE_OPENAI_API_BASE is not set.
        exclude: "openai" or "aoai": leave these out.
    """

    def lines(variable: str, file: str | None) -> list[str]:
        text = os.environ.get(variable, "")
        if not text and key_file_path is not None and file is not None:
            path = Path(key_file_path) / file
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return [line.strip() for line in text.splitlines() if line.strip()]

    found: list[Entry] = []
    if exclude != "aoai":
        keys = lines("AZURE_OPENAI_API_KEY", aoai_api_key_file)
        bases = lines("AZURE_OPENAI_API_BASE", aoai_api_base_file)
        found += get_config_list(keys, bases if keys else None, "azure", DEFAULT_AZURE_VERSION)
    if exclude != "openai":
        keys = lines("OPENAI_API_KEY", openai_api_key_file)
        found += get_config_list(keys, lines("OPENAI_API_BASE", openai_api_base_file) or None)
    return found


def config_list_from_models(
    key_file_path: str | Path | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
    model_list: Sequence[str] | None = None,
) -> list[Entry]:
    """An entry for each model with each key: see `config_list_openai_aoai`. Without models, one for each key."""
    entries = config_list_openai_aoai(
        key_file_path, openai_api_key_file, aoai_api_key_file, None, aoai_api_base_file, exclude
    )
    if not model_list:
        return entries
    return [{**entry, "model": model} for model in model_list for entry in entries]


def config_list_gpt4_gpt35(
    key_file_path: str | Path | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
) -> list[Entry]:
    """`config_list_from_models` with gpt-4 and gpt-3.5-turbo."""
    return config_list_from_models(
        key_file_path,
        openai_api_key_file,
        aoai_api_key_file,
        aoai_api_base_file,
        exclude,
        model_list=["gpt-4", "gpt-3.5-turbo"],
    )
