"""A real server, `shatterscope serve`, on a free port for as long as a `with` block lasts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_LIMIT = 120.0  # seconds


@dataclass(frozen=True)
class Server:
    url: str
    pid: int
    start_seconds: float  # from the command to the first 200 of /api/v1/health

    @property
    def peak_rss_mb(self) -> float:
        """The most resident memory the process ever had, in MB (10^6 bytes). Linux only."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6


@contextmanager
def running_server() -> Iterator[Server]:
    """Start, wait until healthy, stop. Its state goes to a folder that is thrown away.

    Raises:
        RuntimeError: the server ended or was not healthy in time; the message holds what it printed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("shatterscope")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryDirectory() as state:
        log = Path(state) / "server.log"
        with log.open("w") as output:
            started = time.perf_counter()
            environment = {**os.environ, "SHATTERSCOPE_STATE_DIR": state}
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(url, process, log)
            yield Server(url, process.pid, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.perf_counter() + START_LIMIT
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}:\n{log.read_text()}")
        try:
            if httpx.get(f"{url}/api/v1/health", timeout=START_LIMIT).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"the server was not healthy after {START_LIMIT:.0f} s:\n{log.read_text()}")
