"""Stentor, LiteLLM and bare proxies before the same upstream, in one run.

The targets are ratios to the proxy in Starlette and aiohttp, by which they were set; the one in
bare ASGI, without a framework, is the limit of both.

LiteLLM lives in an environment of its own, `.venv/bench-litellm`, which is made by the first run.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from bench import gateway, instant
from bench.calls import TEXT
from bench.load import NUMBER, Load, measure
from bench.table import Row
from stentor.contract import JOBS_PATH, SPEECH_PATH

CONNECTIONS = (1, 32, 256)
DELAYS_MS = (0, 50)
SECONDS = 4.0
WARM_S = 1.0
LITELLM = "litellm[proxy]==1.108.7"
ENVIRONMENT = Path(__file__).parents[1] / ".venv" / "bench-litellm"
START_S = 90
PROXY = "Starlette proxy"
CONFIG = """
[providers.piper]
enabled = false

[providers.openai]
base_url = "{url}"
api_key = "bench"
concurrency = 1000

[jobs]
concurrency = 256
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A server to be measured.

    Attributes:
        path: what is posted to.
        model: what it calls the upstream's model.
        headers: that go with each request.
    """

    name: str
    port: int
    pid: int
    path: str
    model: str = "tts-1"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a server did under a load: its answers, its CPU time per 1,000 of them, its memory."""

    load: Load
    cpu_s: float
    rss_mb: float


def run() -> list[Row]:
    """All of it: two delays, three numbers of connections."""
    rows: list[Row] = []
    for delay_ms in DELAYS_MS:
        with instant.running(delay_ms) as url, contextlib.ExitStack() as stack:
            bare = stack.enter_context(_proxy("bare ASGI proxy", "proxy", url))
            proxy = stack.enter_context(_proxy(PROXY, "starlette", url))
            ours = stack.enter_context(gateway.running(CONFIG.format(url=url)))
            port = int(ours.url.rpartition(":")[2])
            subjects = [
                Subject("upstream alone", int(url.split(":")[2].split("/")[0]), 0, "/v1/x"),
                bare,
                proxy,
                Subject("Stentor, synchronous", port, ours.pid, SPEECH_PATH, "openai/tts-1"),
                Subject(
                    "Stentor, submit to completed",
                    port,
                    ours.pid,
                    JOBS_PATH,
                    "openai/tts-1",
                    (("Prefer", "wait=60"),),
                ),
            ]
            litellm = stack.enter_context(_litellm(url))
            if litellm is not None:
                subjects.append(litellm)
            for connections in CONNECTIONS:
                rows += _compare(subjects, connections, delay_ms)
    return rows


def _compare(subjects: list[Subject], connections: int, delay_ms: int) -> list[Row]:
    found: dict[str, Figures] = {}
    for subject in subjects:
        _measure(subject, connections, WARM_S)
        found[subject.name] = _measure(subject, connections, SECONDS)
    upstream, proxy = found["upstream alone"].load, found[PROXY].load
    litellm = found.get("LiteLLM")
    rows = []
    for name, figures in found.items():
        load = figures.load
        ratios = f"{load.rate / found['bare ASGI proxy'].load.rate:.2f} x bare ASGI proxy"
        if litellm is not None:
            ratios += f", {load.rate / litellm.load.rate:.1f} x LiteLLM"
        rows.append(
            Row(
                f"{name}, upstream {delay_ms} ms, {connections} connections",
                f"{load.rate:,.0f}/s, p50 {load.p50_ms:.2f} ms "
                f"(+{load.p50_ms - upstream.p50_ms:.2f}), p99 {load.p99_ms:.2f} ms, "
                f"{figures.cpu_s:.2f} CPU s/1,000, {figures.rss_mb:.0f} MB"
                + (f", {load.wrong} WRONG" if load.wrong else ""),
                ratios,
                *_target(name, connections, delay_ms, load, upstream, proxy, litellm),
            )
        )
    return rows


def _target(
    name: str,
    connections: int,
    delay_ms: int,
    load: Load,
    upstream: Load,
    proxy: Load,
    litellm: Figures | None,
) -> tuple[float | None, str, bool]:
    ratio = load.rate / proxy.rate
    if delay_ms or not name.startswith("Stentor"):
        return ratio, "", True
    if name == "Stentor, synchronous" and connections == 1:
        added = load.p50_ms - upstream.p50_ms
        return ratio, "added p50 <= 0.6 ms", added <= 0.6
    if name == "Stentor, synchronous" and connections == 32:
        much = litellm is None or load.rate >= 35 * litellm.load.rate
        return ratio, ">= 0.55 x proxy, >= 35 x LiteLLM", ratio >= 0.55 and much
    if name == "Stentor, submit to completed" and connections == 32:
        return ratio, ">= 0.2 x proxy", ratio >= 0.2
    return ratio, "", True


def _measure(subject: Subject, connections: int, seconds: float) -> Figures:
    body = msgspec.json.encode(
        {
            "model": subject.model,
            "input": TEXT.replace("{:08d}", NUMBER),
            "voice": "alloy",
            "response_format": "mp3",
        }
    )
    before = _cpu_s(subject.pid)
    load = measure(
        subject.port,
        "POST",
        [subject.path],
        body,
        connections=connections,
        seconds=seconds,
        status="200",
        headers=dict(subject.headers),
    )
    spent = _cpu_s(subject.pid) - before
    answered = load.rate * seconds
    return Figures(load, 1000 * spent / answered if answered else 0.0, _rss_mb(subject.pid))


def _cpu_s(pid: int) -> float:
    return _sum(pid, lambda one: sum(one.cpu_times()[:2]))


def _rss_mb(pid: int) -> float:
    return _sum(pid, lambda one: one.memory_info().rss / 1e6)


def _sum(pid: int, value: Callable[[psutil.Process], float]) -> float:
    if pid == 0:
        return 0.0
    process = psutil.Process(pid)
    return sum(value(one) for one in [process, *process.children(recursive=True)])


@contextlib.contextmanager
def _proxy(name: str, kind: str, url: str) -> Iterator[Subject]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", kind, url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Subject(name, int(process.stdout.readline()), process.pid, SPEECH_PATH)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _litellm(url: str) -> Iterator[Subject | None]:
    """LiteLLM's proxy; None, with a word why, where it cannot be had."""
    command = ENVIRONMENT / "bin" / "litellm"
    if not command.exists() and not _install():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        config = Path(folder) / "litellm.yaml"
        config.write_text(
            "model_list:\n- model_name: tts-1\n  litellm_params:\n    model: openai/tts-1\n"
            f"    api_base: {url}\n    api_key: bench\n"
        )
        environ = {
            "NO_COLOR": "1",
            "LITELLM_LOG": "ERROR",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(
                [command, "--config", config, "--host", "127.0.0.1", "--port", str(port)],
                stdout=log,
                stderr=log,
                env=os.environ | environ,
            )
        try:
            if _answers(port, process):
                yield Subject("LiteLLM", port, process.pid, SPEECH_PATH)
            else:
                print("LiteLLM does not start: left out", file=sys.stderr)
                print((Path(folder) / "log").read_text()[-2000:], file=sys.stderr)
                yield None
        finally:
            process.terminate()
            process.wait()


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness"),
        ):
            return True
        time.sleep(0.5)
    return False


def _install() -> bool:
    print(f"installing {LITELLM} into {ENVIRONMENT.name} ...", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([ENVIRONMENT / "bin" / "pip", "install", "-q", LITELLM], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"LiteLLM cannot be installed ({error}): left out", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    from bench.table import show

    show(run())
