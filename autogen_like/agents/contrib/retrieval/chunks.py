"""Documents as texts, and texts in chunks: what a person named is read, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from ....core.errors import ConfigError, MissingExtra
from ....core.limits import is_count
from ....models.tokens import count_tokens
from ..fetching import LARGEST, fetch
from .vector_db import Document

TEXT_FORMATS = (
    "txt", "md", "rst", "json", "jsonl", "csv", "tsv", "py", "ipynb", "html", "htm", "xml", "yaml", "yml", "log", "org",
    "pdf",
)  # fmt: skip
CHUNK_MODES = ("multi_lines", "one_line")
Split = Callable[[str], Sequence[str]]


def is_url(text: str) -> bool:
    """Whether a text is an ``http(s):`` address.

    Example:
        >>> is_url("https://example.org/a.txt"), is_url("docs/a.txt")
        (True, False)
    """
    return urlsplit(text).scheme in ("http", "https") and bool(urlsplit(text).netloc)


def split_text_to_chunks(
    text: str,
    max_tokens: int = 4000,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    overlap: int = 0,
    *,
    count: Callable[[str], int] | None = None,
) -> list[str]:
    r"""A text in pieces, cut at the ends of lines.

    Args:
        text: The text.
        max_tokens: The most tokens of a piece. A line that is longer is cut.
        chunk_mode: "multi_lines", or "one_line" for a piece of each line.
        must_break_at_empty_line: Whether pieces end at empty lines where there is one.
        overlap: How many lines of a piece the next one repeats.
        count: Counts tokens; as OpenAI's models do by default.

    Raises:
        ConfigError: If a setting can't be.

    Example:
        >>> split_text_to_chunks("one two\n\nthree four\nfive", 6)
        ['one two', 'three four\nfive']
    """
    if chunk_mode not in CHUNK_MODES:
        raise ConfigError(f"chunk_mode must be one of {CHUNK_MODES}, not {chunk_mode!r}")
    if not is_count(max_tokens) or overlap < 0:
        raise ConfigError(f"max_tokens must be at least 1 ({max_tokens!r}) and overlap at least 0 ({overlap!r})")
    counted = count or _tokens
    lines = [piece for line in text.splitlines() for piece in _cut(line, max_tokens, counted)]
    if chunk_mode == "one_line":
        return [line for line in lines if line.strip()]
    pieces: list[str] = []
    start = 0
    while start < len(lines):
        end = _end(lines, start, max_tokens, counted)
        if must_break_at_empty_line and end < len(lines):
            end = next((at for at in range(end, start, -1) if not lines[at].strip()), end)
        piece = "\n".join(lines[start:end]).strip("\n")
        if piece.strip():
            pieces.append(piece)
        start = end if end >= len(lines) else max(end - overlap, start + 1)
    return pieces


def _end(lines: Sequence[str], start: int, most: int, count: Callable[[str], int]) -> int:
    """Where the lines end that fit together: at least one of them."""
    total, end = 0, start
    while end < len(lines):
        total += count(lines[end] + "\n")
        if total > most and end > start:
            break
        end += 1
    return end


def _cut(line: str, most: int, count: Callable[[str], int]) -> Iterator[str]:
    while len(line) > 1 and count(line) > most:
        at = max(1, len(line) * most // (count(line) + 1))
        space = line.rfind(" ", at // 2, at)
        at = space + 1 if space > 0 else at
        yield line[:at]
        line = line[at:]
    yield line


def _tokens(text: str) -> int:
    return count_tokens(text, "gpt-4o").tokens


def get_files_from_dir(
    dir_path: str | Sequence[str], types: Iterable[str] = TEXT_FORMATS, recursive: bool = True
) -> list[str]:
    """The files and addresses that are meant: files as they are named, folders with the files in them.

    A link in a folder that leads out of it is passed over.

    Args:
        dir_path: Paths of files and folders, and addresses.
        types: Endings of the files that are taken from folders.
        recursive: Whether folders within folders are gone through.

    Raises:
        ConfigError: If a path isn't there.
    """
    endings = tuple(f".{kind.lower().lstrip('.')}" for kind in types)
    found: list[str] = []
    for named in [dir_path] if isinstance(dir_path, str | os.PathLike) else dir_path:
        path = Path(named)
        if is_url(str(named)) or path.is_file():
            found.append(str(named))
        elif path.is_dir():
            root = path.resolve()
            inside = sorted(path.rglob("*") if recursive else path.glob("*"))
            found += (
                str(one)
                for one in inside
                if one.is_file() and one.suffix.lower() in endings and one.resolve().is_relative_to(root)
            )
        else:
            raise ConfigError(f"docs_path: there is no file, folder or address {str(named)!r}")
    return found


def read_text(source: str, *, private: bool = False) -> str:
    """The text of a file or of what is behind an address that a person named; HTML and PDF without their markup.

    Args:
        source: The path or address.
        private: Whether addresses of private networks may be asked.

    Raises:
        ConfigError: If it can't be read, or is too large.
        MissingExtra: If it is PDF and pypdf isn't installed.
    """
    if is_url(source):
        data, kind = fetch(source, private=private)
        name = urlsplit(source).path
    else:
        path = Path(source)
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{source} is larger than {LARGEST:,} bytes: take it apart")
        data, kind, name = path.read_bytes(), "", source
    if data.startswith(b"%PDF-"):
        return extract_text_from_pdf(data)
    text = data.decode(errors="replace")
    return parse_html_to_text(text) if kind == "text/html" or name.lower().endswith((".html", ".htm")) else text


def extract_text_from_pdf(file: str | bytes) -> str:
    """The text of a PDF file, its pages apart by empty lines.

    Args:
        file: Its path, or its bytes.

    Raises:
        MissingExtra: If pypdf isn't installed.
        ConfigError: If it is no PDF, or needs a password.
    """
    try:
        import pypdf
    except ImportError:
        raise MissingExtra("the text of PDF files", "retrieval") from None
    data = file if isinstance(file, bytes) else Path(file).read_bytes()
    try:
        pages = pypdf.PdfReader(BytesIO(data)).pages
        return "\n\n".join(page.extract_text() for page in pages)
    except pypdf.errors.PyPdfError as error:
        raise ConfigError(f"the PDF file can't be read: {error}") from error


class _Text(HTMLParser):
    """Gathers what is shown of a page."""

    _HIDDEN = ("script", "style", "head", "noscript", "template")
    _BLOCKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol", "section")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self._HIDDEN:
            self._hidden.append(tag)
        elif tag in self._BLOCKS:
            self.texts.append("\n\n" if tag[0] in "ph" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        elif tag in self._BLOCKS:
            self.texts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def parse_html_to_text(html: str) -> str:
    r"""What a page says, without its markup and scripts.

    Example:
        >>> parse_html_to_text("<h1>Cats</h1><script>x()</script><p>They <b>sleep</b>.</p>")
        'Cats\n\nThey sleep.'
    """
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = [" ".join(line.split()) for line in "".join(parser.texts).splitlines()]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip()


def documents(sources: Iterable[str], split: Split, *, private: bool = False) -> Iterator[Document]:
    """The chunks of files and addresses, as documents whose id goes with what they say and where.

    Args:
        sources: Paths and addresses, as `get_files_from_dir` gives them.
        split: Takes a text apart.
        private: Whether addresses of private networks may be asked.
    """
    for source in sources:
        for number, chunk in enumerate(split(read_text(source, private=private))):
            key = sha256(f"{source}\0{number}\0{chunk}".encode()).hexdigest()[:24]
            yield Document(id=key, content=chunk, metadata={"source": source, "chunk": number})
