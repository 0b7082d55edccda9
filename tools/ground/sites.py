"""Real documentation sites for the tests, from Debian packages: two of Sphinx, one of AsciiDoc, one of DocBook."""

from __future__ import annotations

from pathlib import Path

from tools.ground import debian
from tools.ground.shell import GroundError

SITES = {
    "python3.11-doc": Path("/usr/share/doc/python3.11/html/index.html"),
    "git-doc": Path("/usr/share/doc/git/html/index.html"),
    "python-django-doc": Path("/usr/share/doc/python-django-doc/html/index.html"),
    "postgresql-doc-15": Path("/usr/share/doc/postgresql-doc-15/html/index.html"),
}


def require_sites() -> None:
    """All of them on this machine. Raises GroundError with the command that installs them."""
    missing = [package for package, page in SITES.items() if not page.is_file()]
    if not missing:
        return
    names = " ".join(missing)
    if not debian.install(*missing):
        raise GroundError(f"The tests crawl real documentation. Install it, as root: apt-get install {names}")
    left = [str(page) for page in SITES.values() if not page.is_file()]
    if left:
        raise GroundError(
            f"{names} was installed, yet {', '.join(left)} is not there. Images of Debian often leave out "
            f"/usr/share/doc: remove that rule from /etc/dpkg/dpkg.cfg.d, then: apt-get install --reinstall {names}"
        )
