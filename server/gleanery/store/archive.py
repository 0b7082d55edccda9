"""Zip files with a manifest: written whole or not at all, each part with its hash, and read without trusting them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

from gleanery import errors

MANIFEST = "manifest.json"
PIECE_BYTES = 1024 * 1024
PACKING = 3
"""Twice as fast as the usual 6, for a tenth more bytes."""
SYNC_BYTES = 32 * 1024 * 1024
"""So much is written before it is brought to the disk: all of it at the end would hold up whoever else waits for the disk."""
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
MAX_RATIO, RATIO_FREE_BYTES = 200, 64 * 1024 * 1024
"""Text of pages shrinks to a tenth; what shrinks more than this is made to burst, unless it is small all the same."""

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    ValueError,
    OSError,
)
"""What `zipfile` raises on a file that is damaged, encrypted, or packed in a way that we never pack; it seeks before the
beginning, too."""
_END, _END_64, _LOCATOR_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")


@dataclass(frozen=True)
class Part:
    """What the manifest says of a part: its size in bytes, the SHA-256 of them in hex, and its rows where it has some."""

    bytes: int
    sha256: str
    rows: int | None = None


@contextlib.contextmanager
def whole_file(target: Path, *, is_replacing: bool = False) -> Iterator[BinaryIO]:
    """A file to write that is at `target` once all of it is on the disk, and never before: until then it is `….part`.

    Readable by its owner alone. Raises WrongState when `target` is there already and is not to be replaced, StorageError
    when it can't be written, StorageFull without room; nothing is left then.
    """
    check_absent(target, is_replacing=is_replacing)
    part = target.with_name(f"{target.name}.part")
    with storing(target):
        part.unlink(missing_ok=True)  # of one that died
        try:
            with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
            sync_folder(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def check_absent(target: Path, *, is_replacing: bool = False) -> None:
    """Raises WrongState when `target` is there already and is not to be replaced."""
    if target.exists() and not is_replacing:
        raise errors.WrongState(f"{target} is there already: take another name.", file=str(target))


@contextlib.contextmanager
def storing(target: Path) -> Iterator[None]:
    """What the disk refuses within, as StorageError that names `target`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.StorageFull(f"There is no room on the disk for {target}.") from error
        raise errors.StorageError(f"{target} can't be written: {os.strerror(error.errno or 0)}.") from error


def sync_folder(folder: Path) -> None:
    """The names in it are on the disk for good."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class PartWriter:
    """Takes the bytes of one part."""

    def __init__(self, inner: IO[bytes], file: BinaryIO) -> None:
        self._inner = inner
        self._file = file
        self._digest = hashlib.sha256()
        self._unsynced = 0
        self.size = 0
        self.rows: int | None = None

    def write(self, piece: bytes | memoryview) -> None:
        self._inner.write(piece)
        self._digest.update(piece)
        self.size += len(piece)
        self._unsynced += len(piece)
        if self._unsynced >= SYNC_BYTES:
            self._file.flush()
            os.fdatasync(self._file.fileno())
            self._unsynced = 0

    def write_row(self, row: Mapping[str, Any]) -> None:
        """A line of JSON."""
        self.rows = (self.rows or 0) + 1
        self.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def part(self) -> Part:
        return Part(self.size, self._digest.hexdigest(), self.rows)


class ArchiveWriter:
    """A zip that is being written into `file`, one part after the other, the manifest last. The same content gives the
    same bytes. Use it as a context manager: one that is broken off is let go of while its file is still open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", compresslevel=PACKING)
        self.parts: dict[str, Part] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):  # after `close` there is nothing left to do
            self._zip.close()

    @contextlib.contextmanager
    def part(self, name: str, *, is_packed: bool, has_rows: bool = False) -> Iterator[PartWriter]:
        """A part of this name, compressed or as it is; with rows, they are counted."""
        self._zip.compression = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
        with self._zip.open(name, "w", force_zip64=True) as inner:  # by name: its date is always the same
            writer = PartWriter(inner, self._file)
            writer.rows = 0 if has_rows else None
            yield writer
        self.parts[name] = writer.part()

    def add_file(self, name: str, path: Path) -> None:
        """A file as it is."""
        with path.open("rb") as file, self.part(name, is_packed=False) as part:
            while piece := file.read(PIECE_BYTES):
                part.write(piece)

    def close(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Write the manifest, with the parts in it, and what a zip ends with. Gives the whole manifest."""
        parts = {name: {k: v for k, v in asdict(part).items() if v is not None} for name, part in self.parts.items()}
        whole = {**manifest, "parts": parts}
        with self.part(MANIFEST, is_packed=False) as part:
            part.write(json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n")
        self._zip.close()
        return whole


class Archive:
    """An archive that is read. Every part that the manifest names is there with the size that it names, and no other;
    whether its bytes are the right ones shows when they have been read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
        self._zip = archive
        self.manifest = manifest
        self.parts = parts

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a part. Raises InvalidInput where they are not those of the manifest, at the end at the latest."""
        digest = hashlib.sha256()
        with _reading(name), self._zip.open(name) as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                yield piece
        if digest.hexdigest() != self.parts[name].sha256:
            raise damaged(name, "its SHA-256 is not the one in the manifest")

    def lines(self, name: str, max_bytes: int) -> Iterator[tuple[int, bytes]]:
        """The lines of a part, each with its number from 1. Raises InvalidInput as `pieces` does, and for a longer line."""
        rest, number = b"", 0
        for piece in self.pieces(name):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                number += 1
                yield number, line
            if len(rest) > max_bytes:
                raise damaged(name, f"line {number + 1} has more than {max_bytes} bytes")
        if rest:
            yield number + 1, rest


@contextlib.contextmanager
def open_archive(path: Path, wanted: str, version: int) -> Iterator[Archive]:
    """The archive at `path`. Raises InvalidInput (its field is `file`) for what is none of the format `wanted`, is of a
    version after `version`, is damaged, or made to burst: before anything large is read or unpacked."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _check_directory(file, size)
            try:
                archive = zipfile.ZipFile(file)
            except _BROKEN as error:
                raise damaged("", f"is no zip file that can be read: {error}") from None
            with archive:
                manifest = _read_manifest(archive)
                _check_format(manifest, wanted, version)
                yield Archive(archive, manifest, _check_parts(archive, manifest, size))
    except FileNotFoundError:
        raise damaged("", "is not there") from None
    except IsADirectoryError:
        raise damaged("", "is a folder") from None
    except PermissionError:
        raise damaged("", "may not be read") from None


def damaged(name: str, reason: str) -> errors.InvalidInput:
    return errors.InvalidInput("file", f"{name}: {reason}" if name else reason, part=name)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except errors.GleaneryError:
        raise
    except _BROKEN as error:
        raise damaged(name, f"is damaged: {error}") from None


def _check_directory(file: BinaryIO, size: int) -> None:
    """The list of parts at the end of the file must be small: `zipfile` takes all of it into memory, however much it is.

    (APPNOTE 4.3.16, 4.3.14, 4.3.15; found where `zipfile` looks for it first, so that both see the same one.)
    """
    if size < _END.size:
        raise damaged("", "is no zip file")
    file.seek(-_END.size, os.SEEK_END)
    magic, _, _, _, _, directory_bytes, _, comment = _END.unpack(file.read(_END.size))
    if magic != b"PK\5\6" or comment:
        raise damaged("", "is no zip file, or not whole, or has a comment at its end")
    before = size - _END.size - _LOCATOR_64.size
    if before >= _END_64.size:
        file.seek(before)
        if _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))[0] == b"PK\6\7":
            file.seek(before - _END_64.size)
            end = _END_64.unpack(file.read(_END_64.size))
            directory_bytes = end[8] if end[0] == b"PK\6\6" else directory_bytes
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise damaged("", f"its list of parts has more than {MAX_DIRECTORY_BYTES} bytes")
    file.seek(0)


def _read_manifest(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    try:
        info = archive.getinfo(MANIFEST)
    except KeyError:
        raise damaged("", f"has no {MANIFEST}: not one that gleanery made") from None
    if info.file_size > MAX_MANIFEST_BYTES:
        raise damaged(MANIFEST, f"has more than {MAX_MANIFEST_BYTES} bytes")
    with _reading(MANIFEST):
        raw = archive.read(MANIFEST)
    try:
        manifest = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise damaged(MANIFEST, f"is not JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise damaged(MANIFEST, "is not a JSON object")
    return manifest


def _check_format(manifest: Mapping[str, Any], wanted: str, version: int) -> None:
    if manifest.get("format") != wanted:
        raise damaged(MANIFEST, f"its format is {str(manifest.get('format'))[:100]!r}, not {wanted!r}")
    found = manifest.get("version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise damaged(MANIFEST, "its version is not a number from 1")
    if found > version:
        reason = f"is of version {found}, this gleanery reads up to {version}: take the newer gleanery that made it"
        raise damaged(MANIFEST, reason)


def _check_parts(archive: zipfile.ZipFile, manifest: Mapping[str, Any], size: int) -> dict[str, Part]:
    listed = manifest.get("parts")
    if not isinstance(listed, dict):
        raise damaged(MANIFEST, "parts: is not an object")
    parts = {str(name): _part_of(str(name), said) for name, said in listed.items()}
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise damaged("", f"{_twice(names)} is in it twice")
    if odd := sorted({*names} ^ {*parts, MANIFEST}):
        raise damaged(odd[0][:200], "is in the manifest or in the file, not in both")
    if sum(info.file_size for info in infos) > MAX_RATIO * size + RATIO_FREE_BYTES:
        raise damaged("", f"unpacks to more than {MAX_RATIO} times its size")
    for info in infos:
        if info.filename != MANIFEST and info.file_size != parts[info.filename].bytes:
            raise damaged(info.filename, "has not the size that the manifest says")
    return parts


def _part_of(name: str, said: object) -> Part:
    match said:
        case {"bytes": int() as size, "sha256": str() as digest, **rest}:
            rows = rest.get("rows")
            if rows is None or (isinstance(rows, int) and rows >= 0):
                return Part(size, digest.lower(), rows)
    raise damaged(MANIFEST, f"parts.{name[:200]}: needs bytes, sha256 and, for lines, rows")


def _twice(names: list[str]) -> str:
    return next(name for name in names if names.count(name) > 1)[:200]
