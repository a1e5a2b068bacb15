"""How networks are run: one place for what was measured about ONNX Runtime's options."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stentor.engines.onnx_graph import further_output

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: str, threads: int) -> InferenceSession:
    """Load a network for inference on the CPU.

    Args:
        path: the `.onnx` file.
        threads: threads within one inference.
    """
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Segments differ in length, so a memory plan per shape only costs memory: 600 instead of
    # 815 MB resident after a chapter, and 5% less time (docs/performance.md).
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return InferenceSession(path, sess_options=options, providers=["CPUExecutionProvider"])


def open_session_with(path: str, threads: int, tensor: str) -> InferenceSession:
    """Load a network that also tells one of its tensors, as its last output.

    By way of a file: a session that was made of bytes keeps them, 60 MB of a Piper voice.

    Args:
        tensor: its name in the graph.

    Raises:
        OSError: there is no room for a copy of the file.
    """
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copyfile(path, Path(folder) / Path(path).name))
        with copy.open("ab") as file:
            file.write(further_output(tensor))
        return open_session(str(copy), threads)
