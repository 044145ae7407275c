"""SelectiveToolbox: tools of which a model sees the names first, and registers those that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

from ..core.conversation import Conversation
from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.message import Message, ToolCall, ToolResult
from ..core.protocols import Tool
from ..core.run import Run
from .catalog import RESERVED, Catalog, Listed, Tools, text_of
from .costs import Layout, Prices, Workload
from .forecast import Forecast, forecast
from .meta import Mode, meta_tools
from .offer import Gone, Moment, failed
from .registry import Registry
from .report import Report, chain_of, message_tokens, said_in
from .room import Room, room_for
from .search import Embedder, MeaningIndex, SharedIndex, ToolIndex, WordIndex, check_words

SEARCH_ABOVE = 400  # names; listed, they are some 2,500 tokens in each request


class SelectiveToolbox:
    """Stands wherever a list of tools may: the model is shown their names, and registers those that it needs.

    After "EcoAct: Economic Agent Determines When to Register What Action" (arXiv 2411.01643, section 3). Beyond the
    paper: schemas in the results, which leaves the list of tools as it is; a forecast of what is saved; making room;
    searching. What is registered belongs to the conversation and the agent whose model registered it.

    Args:
        tools: Functions, tools, `McpTools` and other sources; or one source.
        mode: How tools are chosen: "single" registers one a call, "multiple" several; "names_and_descriptions" also
            shows what each is for; "full" lists them all; "auto" does what `forecast` expects to be cheaper.
        layout: Where a registered schema goes: "native" puts it at the end of the list of tools, "inline" into the
            result, and calls go through ``call_tool``: then the beginning of the prompt never changes.
        always: Names of tools that are listed from the beginning; handoffs always are.
        search_above: With more tools than this, names are searched for rather than listed.
        results: How many tools a search finds.
        embedder: Makes vectors of texts, to search by meaning; words are compared (BM25) without one.
        prices: What tokens cost; a model's name, or `Prices`.
        workload: What a task is expected to be like, for the forecast; see also `learn`.
        window: Tokens of a request. Where tools and history come near it, tools that weren't used for long are
            unregistered; only in the native layout. None for never.
        count: Counts the tokens of a text; tiktoken's encoding of GPT-4o by default.
        name: Tells apart toolboxes that one agent, or one flow, has in one conversation.

    Raises:
        ConfigError: If a setting can't be right, or a tool has the name of a meta-tool.
        ToolSchemaError: If a function can't be described to a model.

    Example:
        >>> def add(a: int, b: int) -> int:
        ...     "Adds two numbers."
        ...     return a + b
        >>> box = SelectiveToolbox([add])
        >>> [tool["function"]["name"] for tool in box.schemas()]
        ['tool_register']
    """

    def __init__(
        self,
        tools: Tools,
        *,
        mode: Mode = "single",
        layout: Layout = "native",
        always: Iterable[str] = (),
        search_above: int = SEARCH_ABOVE,
        results: int = 5,
        embedder: Embedder | None = None,
        prices: Prices | str | None = None,
        workload: Workload | None = None,
        window: int | None = None,
        count: Callable[[str], int] | None = None,
        name: str = "tools",
    ) -> None:
        for setting, value, known in (("mode", mode, Mode), ("layout", layout, Layout)):
            if value not in get_args(known):
                raise ConfigError(f"{setting} must be one of {', '.join(map(repr, get_args(known)))}, not {value!r}")
        if isinstance(always, str):
            raise ConfigError(f"always must be a list of names, not the string {always!r}")
        counts = {"search_above": search_above or 1, "results": results, "window": 1 if window is None else window}
        for setting, number in counts.items():
            if not is_count(number):
                raise ConfigError(f"{setting} must be a whole number, and not so small: {number!r}")
        if window is not None and layout == "inline":
            raise ConfigError(
                'window is for layout="native". In the inline layout schemas are results of tools, which a policy of '
                "the agent's context shortens: context=ShortenToolResults(20)"
            )
        self.mode, self.layout, self.name = mode, layout, name
        self.search_above, self.results, self.window = search_above, results, window
        self.prices = Prices.of(prices) if isinstance(prices, str) else prices or Prices()
        self.workload = workload or Workload()
        self._always = tuple(always)
        self._embedder = embedder
        self._catalog = Catalog(tools, count)
        self._heads: tuple[Listed, frozenset[str], list[Mapping[str, Any]]] | None = None
        self._always_tokens: tuple[Listed, int] | None = None
        self._found: tuple[Listed, SharedIndex] | None = None
        self._forecast: tuple[Listed, Workload, Prices, Forecast] | None = None
        missing = [one for one in self._always if not self._catalog.has(one)]
        if missing:
            raise ConfigError(f"always names tools that are not there: {', '.join(missing)}")

    def __repr__(self) -> str:
        return f"SelectiveToolbox(mode={self.mode!r}, layout={self.layout!r}, name={self.name!r})"

    def __bool__(self) -> bool:
        return True  # a source without tools may get some

    def __len__(self) -> int:
        return len(self._catalog.now())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tools, as they are now."""
        return self._catalog.now().names

    def add(self, tool: Tool | Callable[..., Any]) -> None:
        """Adds a tool; conversations that are under way see it from the next turn on."""
        self._catalog.add(tool)

    def remove(self, name: str) -> None:
        """Takes a tool out, also of conversations that are under way.

        Raises:
            ConfigError: If there is none of this name, or it belongs to a source.
        """
        self._catalog.remove(name)

    # --- as a source of tools

    def at(self, conversation: Conversation, run: Run[Any] | None, caller: str) -> Moment:
        """The tools for an agent in a conversation, as they are now; see `autogen_like.tools.toolbox`."""
        listed = self._catalog.now()
        registry = conversation.belongings.of(f"{self.name}:{caller}", self._registry)
        moment = Moment(self, listed, registry, conversation, run, caller)
        if registry.chosen is None:
            registry.chosen = self.chooses()
        for name in registry.take(conversation.transcript.messages, caller, listed):
            if registry.used[name] >= conversation.began:  # what an earlier chat registered was told then
                moment.tell(name)
        return moment

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The tools on offer when a conversation begins."""
        listed = self._catalog.now()
        return self.head(listed) if self.chooses() else listed.schemas()

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """A tool by its name, registered or not; in a conversation, a turn's tools answer."""
        listed = self._catalog.now()
        if name in RESERVED and self.mode != "full":
            found = (tool for tool in self.head(listed) if tool["function"]["name"] == name)
            return next((_Outside(name, schema) for schema in found), None)
        return listed.tool(name) or self.gone(name)

    # --- what turns ask

    def head(self, listed: Listed) -> list[Mapping[str, Any]]:
        """What is listed in each request: meta-tools with the names, and the tools that always are."""
        return self._head(listed)[1]

    def always(self, listed: Listed) -> frozenset[str]:
        """Names of the tools that are always listed."""
        return self._head(listed)[0]

    def _head(self, listed: Listed) -> tuple[frozenset[str], list[Mapping[str, Any]]]:
        known = self._heads
        if known is None or known[0] is not listed:
            always = [name for name in listed.names if name in self._always or self._catalog.hands_over(name)]
            if self.searches(listed) and self._embedder is None:
                check_words()  # a person must mend it, so before a model is asked
            tools = meta_tools(listed, self.mode, self.layout, search=self.searches(listed))
            tools += [{"type": "function", "function": listed.function(name)} for name in always]
            known = self._heads = (listed, frozenset(always), tools)
        return known[1], known[2]

    def gone(self, name: str) -> Tool | None:
        """What answers a call of a tool that was there once; None for a name that never was."""
        return Gone(name) if name in self._catalog.gone else None

    def searches(self, listed: Listed) -> bool:
        """Whether names are searched for, rather than listed."""
        return len(listed) > self.search_above

    def chooses(self) -> bool:
        """Whether tools are registered in a conversation that begins now, rather than all listed."""
        if self.mode in ("full", "auto"):
            return self.mode == "auto" and (self.searches(self._catalog.now()) or self.forecast().register)
        return True

    async def search(self, query: str) -> list[str]:
        """Names of the tools that fit best, by words or, with an embedder, by meaning.

        Args:
            query: What the tool should do.
        """
        listed = self._catalog.now()
        found = self._found
        if found is None or found[0] is not listed:
            found = self._found = listed, SharedIndex(partial(self._index, listed))
        return await (await found[1].get()).search(query, self.results)

    async def _index(self, listed: Listed) -> ToolIndex:
        if self._embedder is not None:
            return await MeaningIndex.of(listed, self._embedder)
        return await asyncio.to_thread(WordIndex, listed)

    def room(self, registry: Registry, listed: Listed) -> Room | None:
        """What has to make room; None where nothing has."""
        assert self.window is not None  # noqa: S101 - asked only where there is one
        return room_for(registry, listed, self.window, self.tokens_always(listed), self.prices, self.workload)

    def _registry(self) -> Registry:
        count = self._catalog.count
        return Registry((lambda message: message_tokens(message, count)) if self.window is not None else None)

    def _tokens(self, tools: Sequence[Mapping[str, Any]]) -> int:
        return self._catalog.count(text_of([tool["function"] for tool in tools]))

    # --- what it costs

    def forecast(self, workload: Workload | None = None, prices: Prices | None = None) -> Forecast:
        """What a task is expected to cost, listing all tools and registering them.

        Args:
            workload: What a task is like; the toolbox's own by default.
            prices: The prices; the toolbox's own by default.
        """
        listed, workload, prices = self._catalog.now(), workload or self.workload, prices or self.prices
        known = self._forecast
        if known is None or known[0] is not listed or known[1:3] != (workload, prices):
            names = self.tokens_always(listed)
            empty = self._tokens(meta_tools(Listed({}, self._catalog.count), self.mode, self.layout, search=False))
            sizes = [listed.tokens(name) for name in listed.names]
            made = forecast(sizes, names, empty, workload, prices, self.layout)
            known = self._forecast = (listed, workload, prices, made)
        return known[3]

    def learn(self, result: Any, agent: str | None = None) -> None:  # a ChatResult, a Conversation or messages
        """Takes a task that was done into what is expected of the next one.

        Only what it is told is learned, so that a kept run with ``mode="auto"`` replays as it went.

        Args:
            result: The chat's result, its conversation, or its messages.
            agent: Whose tools they were; who called tools by default.
        """
        self.workload = self.workload.learned(chain_of(said_in(result), agent, self._catalog.count))

    def report(self, result: Any, agent: str | None = None, prices: Prices | None = None) -> Report:
        """What the tools of a chat have cost, beside what listing all would have cost for the same calls.

        It is counted from what was said, so it holds for chats that went on, were forked or come out of a store.

        Args:
            result: The chat's result, its conversation, or its messages.
            agent: Whose tools they were; who called tools by default.
            prices: The prices; the toolbox's own by default.
        """
        return Report.of(self, said_in(result), agent, prices or self.prices)

    def listed(self) -> Listed:
        """The tools as they are now."""
        return self._catalog.now()

    def registry(self) -> Registry:
        """A registry as a conversation begins with."""
        made = self._registry()
        made.chosen = self.chooses()
        return made

    def tokens_always(self, listed: Listed) -> int:
        """Tokens of what is listed in each request: names, meta-tools, and the tools that always are."""
        known = self._always_tokens
        if known is None or known[0] is not listed:  # asked at each turn where there is a window
            known = self._always_tokens = (listed, self._tokens(self.head(listed)))
        return known[1]

    def tokens_of(self, message: Message) -> int:
        """Tokens of a message, as they are counted for reports."""
        return message_tokens(message, self._catalog.count)


class _Outside:
    """A meta-tool where there is no conversation that could remember anything."""

    description = ""

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        self.name, self.schema = name, schema

    async def call(self, call: ToolCall) -> ToolResult:
        """Says so."""
        return failed(call, "tools are registered in a conversation, and this call is in none.", "no_conversation")
