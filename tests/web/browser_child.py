"""A process with a browser that is in the middle of a page: `python -m tests.web.browser_child FOLDER`. To be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.sites.apps import app_site
from tests.web.browsers import a_browser


async def main(folder: Path) -> None:
    async with app_site() as site, a_browser(folder) as browser:
        endless = asyncio.create_task(browser.render(f"{site.url}/endless"))
        await browser.render(f"{site.url}/late")
        print("ready", flush=True)
        await endless


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
