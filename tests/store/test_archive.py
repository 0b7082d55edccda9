"""Archives: written whole or not at all, and read by somebody who expects the worst."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from pathlib import Path

import pytest

from gleanery.errors import InvalidInput, StorageError, WrongState
from gleanery.store.archive import MAX_DIRECTORY_BYTES, ArchiveWriter, open_archive, whole_file


class StoppedError(Exception):
    pass


def write(target: Path, *lines: str) -> Path:
    with whole_file(target) as file, ArchiveWriter(file) as archive:
        with archive.part("lines", is_packed=True, has_rows=True) as part:
            for line in lines:
                part.write_row({"line": line})
        with archive.part("raw", is_packed=False) as part:
            part.write(b"ab\ncd\n\nef")
        archive.close({"format": "test", "version": 3})
    return target


def lines_of(path: Path, name: str, most: int = 1000) -> list[tuple[int, bytes]]:
    with open_archive(path, "test", 3) as archive:
        return list(archive.lines(name, most))


def test_lines_are_given_with_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", "x", "ü\n")
    assert lines_of(path, "lines") == [(1, b'{"line":"x"}'), (2, '{"line":"ü\\n"}'.encode())]
    assert lines_of(path, "raw") == [(1, b"ab"), (2, b"cd"), (3, b""), (4, b"ef")]


def test_the_manifest_has_size_hash_and_rows_of_each_part(tmp_path: Path) -> None:
    with open_archive(write(tmp_path / "a.zip", "x"), "test", 3) as archive:
        parts = archive.parts
    assert (parts["lines"].bytes, parts["lines"].rows) == (13, 1)
    assert (parts["raw"].bytes, parts["raw"].rows) == (9, None)
    assert parts["raw"].sha256 == hashlib.sha256(b"ab\ncd\n\nef").hexdigest()


def test_a_longer_line_than_asked_for_is_refused_before_all_of_it_is_read(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.zip") as file, ArchiveWriter(file) as archive:
        with archive.part("long", is_packed=True) as part:
            for _ in range(40):
                part.write(b"x" * 1_000_000)
        archive.close({"format": "test", "version": 1})
    with pytest.raises(InvalidInput, match="long: line 1 has more than 2000000 bytes"):
        lines_of(tmp_path / "a.zip", "long", 2_000_000)


def test_nothing_is_at_its_place_before_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    with whole_file(target) as file:
        file.write(b"x")
        assert not target.exists()
    assert target.read_bytes() == b"x"
    assert target.stat().st_mode & 0o777 == 0o600


def break_off(target: Path) -> None:
    with whole_file(target) as file:
        file.write(b"x")
        raise StoppedError


def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        break_off(tmp_path / "a.zip")
    assert not list(tmp_path.iterdir())


def test_what_a_dead_one_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"left")
    write(tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(WrongState, match="is there already"), whole_file(tmp_path / "a"):
        pass
    with whole_file(tmp_path / "a", is_replacing=True) as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"nowhere/a can't be written: No such file"),
        whole_file(tmp_path / "nowhere" / "a"),
    ):
        pass


@pytest.mark.parametrize("path", ["nothing", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput), open_archive(tmp_path / path, "test", 3):
        pass


def end_of(entries: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, min(entries, 65535), min(entries, 65535), size, offset, 0)


def test_a_list_of_parts_without_end_is_not_taken_into_memory(tmp_path: Path) -> None:
    size = MAX_DIRECTORY_BYTES + 1
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(end_of(60_000, size, 0))
    with (
        pytest.raises(InvalidInput, match="its list of parts has more than"),
        open_archive(tmp_path / "a.zip", "test", 3),
    ):
        pass


def test_nor_one_whose_size_is_told_in_the_64_bit_form(tmp_path: Path) -> None:
    size = MAX_DIRECTORY_BYTES + 1
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 60_000, 60_000, size, 0)
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(end + struct.pack("<4sLQL", b"PK\6\7", 0, size, 1) + end_of(1, 100, 0))
    with (
        pytest.raises(InvalidInput, match="its list of parts has more than"),
        open_archive(tmp_path / "a.zip", "test", 3),
    ):
        pass


def test_a_part_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", "x")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("raw", b"123456789")
    with pytest.raises(InvalidInput, match="raw is in it twice"), open_archive(tmp_path / "a.zip", "test", 3):
        pass


def test_an_encrypted_part_is_refused(tmp_path: Path) -> None:
    raw = bytearray(write(tmp_path / "a.zip", "x").read_bytes())
    at = raw.rindex(b"PK\1\2", 0, raw.rindex(b"raw"))
    raw[at + 8] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(InvalidInput, match="raw: is damaged"):
        lines_of(tmp_path / "a.zip", "raw")
