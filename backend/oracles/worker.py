"""A process that trains one model: `python -m shatterscope.backend.oracles.worker`, started by `backend/api/trainings.py`.

It reads one line of JSON from stdin, what to train and where to put it, and says on stdout how far it is, a JSON object a line: `step`, then `done`, or
`failed` with a reason. It ends when its stdin does: none outlives who started it, and what was not finished leaves nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint
from shatterscope.backend.editors.oracle import watched
from shatterscope.backend.edits import EditError, complete_spec, run_edits
from shatterscope.backend.oracles.kept import write
from shatterscope.backend.settings import SettingsError, load_settings, resolve_device

NICENESS = 5  # clicks go before


def train(order: dict[str, Any], say: Any) -> None:
    """`order`: checkpoint (its folder's name), identity, spec (complete), file.

    Raises:
        EditError, CheckpointError, SettingsError, OSError: it cannot be done.
    """
    settings = load_settings()
    checkpoint = load_checkpoint(settings.models_dir / order["checkpoint"], resolve_device(settings.device))
    if checkpoint.identity != order["identity"]:
        raise CheckpointError(
            f"checkpoint {order['checkpoint']!r} has changed since the server read it; restart the server"
        )
    spec = complete_spec(checkpoint.world, checkpoint.model.config.n_layers, **order["spec"])
    start = time.perf_counter()
    with watched(lambda step: say("step", **asdict(step))):
        edited = run_edits(checkpoint, [spec])
    write(Path(order["file"]), edited.deltas[0], time.perf_counter() - start)
    say("done")


def main() -> None:
    # Whatever a library prints goes to stderr: stdout is spoken to the server alone.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(event: str, **more: Any) -> None:
        with suppress(BrokenPipeError):
            print(json.dumps({"event": event, **more}), file=out, flush=True)

    order = json.loads(sys.stdin.readline())

    def listen() -> None:
        sys.stdin.read()
        os._exit(0)  # whoever started this is gone

    threading.Thread(target=listen, daemon=True).start()
    with suppress(OSError):
        os.nice(NICENESS)
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            train(order, say)
    except EditError as error:
        say("failed", reason=error.message, field=error.field)
    except (CheckpointError, SettingsError) as error:
        say("failed", reason=str(error))
    except OSError as error:
        say(
            "failed",
            reason=f"the trained model cannot be kept: {error.strerror or error}; free some space, or point SHATTERSCOPE_STATE_DIR elsewhere",
        )


if __name__ == "__main__":
    main()
