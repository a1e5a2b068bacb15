"""How networks are run: one place for what was measured about ONNX Runtime's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
