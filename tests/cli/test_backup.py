"""`gleanery backup`, `restore`, `export` and `import`, as commands."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import environment, run
from tests.sites import Site


async def crawled(env: dict[str, str], site: Site) -> None:
    ended = await run(env, "crawl", f"{site.url}/index.html", "--quiet")
    assert ended.code == 0, ended.err


async def urls_found(env: dict[str, str], text: str) -> list[str]:
    ended = await run(env, "search", text, "--mode", "keyword", "--json")
    assert ended.code == 0, ended.err
    return [hit["url"] for hit in json.loads(ended.out)["hits"]]


async def test_a_backup_without_a_server_is_restored_to_another_folder(
    env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    await crawled(env, site)
    ended = await run(env, "backup", str(tmp_path / "b.zip"))
    assert ended.code == 0, ended.err
    assert "1 sources, 2 pages, 1 tasks" in ended.out
    there = environment(tmp_path / "there")
    ended = await run(there, "restore", str(tmp_path / "b.zip"), "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["tables"]["page"], said["aside"]) == (2, None)
    assert await urls_found(there, "widget") == await urls_found(env, "widget") != []


async def test_a_backup_beside_a_running_server(server: str, env: dict[str, str], site: Site, tmp_path: Path) -> None:
    await crawled(env, site)
    for flags, name in (((), "folder.zip"), (("--server", server), "rest.zip")):
        ended = await run(env, "backup", str(tmp_path / name), *flags, "--json")
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["tables"]["page"] == 2


async def test_a_folder_that_a_server_uses_is_not_restored_to(
    server: str, env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    await crawled(env, site)
    assert (await run(env, "backup", str(tmp_path / "b.zip"))).code == 0
    ended = await run(env, "restore", str(tmp_path / "b.zip"), "--force")
    assert ended.code == 2
    assert "another gleanery server uses" in ended.err


async def test_what_is_there_is_put_aside_only_when_forced(server: str, env: dict[str, str], tmp_path: Path) -> None:
    assert (await run(env, "backup", str(tmp_path / "b.zip"))).code == 0
    there = environment(tmp_path / "there")
    assert (await run(there, "restore", str(tmp_path / "b.zip"))).code == 0
    ended = await run(there, "restore", str(tmp_path / "b.zip"))
    assert ended.code == 1
    assert "say --force" in ended.err
    ended = await run(there, "restore", str(tmp_path / "b.zip"), "--force")
    assert ended.code == 0
    assert "what was there is in" in ended.out


async def test_backup_and_restore_name_what_is_wrong(env: dict[str, str], tmp_path: Path) -> None:
    ended = await run(env, "backup", str(tmp_path / "b.zip"))
    assert (ended.code, "there is nothing to back up in" in ended.err) == (2, True)
    (tmp_path / "x.zip").write_text("no zip at all, though long enough to be one")
    ended = await run(env, "restore", str(tmp_path / "x.zip"))
    assert (ended.code, "is no zip file" in ended.err) == (2, True)
    ended = await run(env, "restore", str(tmp_path / "nothing.zip"))
    assert (ended.code, "is not there" in ended.err) == (2, True)


async def test_a_source_goes_from_one_folder_to_another(
    server: str, env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    await crawled(env, site)
    file = tmp_path / "widgets.zip"
    ended = await run(env, "export", "127.0.0.1:" + site.url.rpartition(":")[2], str(file), "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["size_bytes"] == file.stat().st_size
    there = environment(tmp_path / "there")
    site.requests.clear()
    ended = await run(there, "import", str(file), "--quiet")
    assert ended.code == 0, ended.err
    assert not site.requests
    assert await urls_found(there, "widget") == await urls_found(env, "widget") != []
    again = await run(there, "import", str(file))
    assert (again.code, "send `replace`" in again.err) == (1, True)
    assert (await run(there, "import", str(file), "--replace", "--quiet")).code == 0


async def test_export_and_import_name_what_is_wrong(
    server: str, env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    ended = await run(env, "export", "nobody.test", str(tmp_path / "x.zip"))
    assert (ended.code, "no source has the id, URL or host" in ended.err) == (2, True)
    await crawled(env, site)
    (tmp_path / "x.zip").write_text("mine")
    ended = await run(env, "export", site.url.removeprefix("http://"), str(tmp_path / "x.zip"))
    assert (ended.code, "is there already" in ended.err) == (1, True)
    assert (tmp_path / "x.zip").read_text() == "mine"
    ended = await run(env, "import", str(tmp_path / "x.zip"))
    assert (ended.code, "is no zip file" in ended.err) == (2, True)
    ended = await run(env, "import", str(tmp_path / "nothing.zip"))
    assert (ended.code, "can't be read" in ended.err) == (2, True)
