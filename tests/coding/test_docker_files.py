"""Unpacking what a container left: untrusted names, kinds and sizes."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autogen_like.coding.docker_files import unpack


def archive(*members: tuple[str, bytes, bytes, str]) -> bytes:
    """A tar archive of (name, kind, content, link target)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, kind, content, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, target, len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def file(name: str, content: bytes = b"x") -> tuple[str, bytes, bytes, str]:
    return name, tarfile.REGTYPE, content, ""


def here(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_files_come_with_their_folders(tmp_path):
    packed = archive(("./a", tarfile.DIRTYPE, b"", ""), file("./a/b.txt", b"one"), file("./c", b""))
    assert unpack([packed[:100], packed[100:]], tmp_path / "new", 100) == [tmp_path / "new/a/b.txt", tmp_path / "new/c"]
    assert (tmp_path / "new/a/b.txt").read_bytes() == b"one"


def test_names_that_lead_out_and_what_is_no_file_are_left_out(tmp_path):
    folder = tmp_path / "in"
    packed = archive(
        file("../out"),
        file("/tmp/out"),
        file("a/../../out"),
        ("link", tarfile.SYMTYPE, b"", "/etc"),
        ("hard", tarfile.LNKTYPE, b"", "/etc/passwd"),
        ("null", tarfile.CHRTYPE, b"", ""),
        file("good"),
    )
    assert unpack([packed], folder, 100) == [folder / "good"]
    assert here(tmp_path) == {"in/good"}


def test_links_that_lie_there_are_not_followed(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "target").write_text("mine")
    (folder / "x").symlink_to(tmp_path / "target")
    (folder / "inside").symlink_to(folder / "sub")
    (folder / "up").symlink_to(tmp_path)
    unpack([archive(file("x"), file("up/target"), file("sub"), file("inside/y"))], folder, 100)
    assert (tmp_path / "target").read_text() == "mine"
    assert here(folder) == {"x", "sub/y"}


def test_no_more_is_written_than_the_limit_and_other_names_of_a_file_count(tmp_path):
    again = [(f"again{number}", tarfile.LNKTYPE, b"", "big") for number in range(5)]
    unpack([archive(file("big", b"x" * 40), *again, file("last"))], tmp_path, 100)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 80


def test_an_archive_that_breaks_off_gives_what_came_before(tmp_path):
    packed = archive(file("whole"), file("half", b"x" * 3000))
    written = unpack([packed[:2000]], tmp_path, 10_000)
    assert tmp_path / "whole" in written
    assert unpack([], tmp_path / "none", 10) == []


names = st.text(st.sampled_from("ab./\\ \n\u00e9\udcff"), min_size=1, max_size=12)
kinds = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])


@given(st.lists(st.tuples(names, kinds, st.just(b""), names), max_size=8))
def test_nothing_is_ever_written_elsewhere_and_no_link_is_made(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", errors="surrogateescape") as tar:
        for name, kind, _, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        unpack([packed.getvalue()], root / "in", 100)
        assert {path.relative_to(root).parts[0] for path in root.rglob("*")} <= {"in"}
        assert not any(path.is_symlink() for path in root.rglob("*"))
