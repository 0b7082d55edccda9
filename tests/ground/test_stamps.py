"""Stamps: what counts as a change, and what a broken-off set-up leaves."""

from __future__ import annotations

from pathlib import Path

from tools.ground.stamps import Stamp, digest, files_below


def test_a_digest_changes_with_bytes_names_and_facts(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("same")
    other.write_text("same")
    seen = {digest([one]), digest([other]), digest([one, other]), digest([one], "fact"), digest([one], "f", "act")}
    one.write_text("changed")
    assert len(seen | {digest([one])}) == 6


def test_a_digest_does_not_depend_on_the_order(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_text(path.name)
    assert digest(paths) == digest(reversed(paths))


def test_files_below_leaves_out_what_is_named(tmp_path: Path) -> None:
    for name in ("src/deep/a.ts", "node_modules/b.js", "src/dist/c.js", "d.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = files_below(tmp_path, without=frozenset({"node_modules", "dist"}))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["d.html", "src/deep/a.ts"]


def test_a_stamp_holds_what_was_written_until_it_is_removed(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "deep" / ".stamp")
    assert not stamp.holds("x")
    stamp.write("x")
    assert stamp.holds("x")
    assert not stamp.holds("y")
    stamp.remove()
    stamp.remove()
    assert stamp.read() == ""
