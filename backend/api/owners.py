"""Who may steer a job: who has the token that was given when it was asked for, and who sits at this machine.

A token follows from the job's id and a secret of this server (HMAC-SHA256), so nothing has to be kept with the job and tokens outlive
a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path

from shatterscope.backend.api.caller import caller
from shatterscope.backend.api.problems import ProblemError

NAME = "secret.key"
BYTES = 32

log = logging.getLogger(__name__)


class Owners:
    """`folder`: where the secret is kept, readable for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._secret = _secret(folder / NAME)

    def token(self, id: str) -> str:
        return hmac.new(self._secret, id.encode(), hashlib.sha256).hexdigest()

    def check(self, id: str, token: str | None) -> None:
        """Raises `ProblemError`: 401 without a token, 403 for one of another job."""
        asks = caller()
        if asks is None or asks.local:
            return
        if token is None:
            detail = "this job is somebody else's: send the token of POST /sweeps as `Authorization: Bearer <token>`"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
        if not hmac.compare_digest(token.encode(), self.token(id).encode()):
            raise ProblemError(403, "this token is not that of this job")


def _secret(path: Path) -> bytes:
    """That of the file, which is made where it is not; of this run alone where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(BYTES))
        except FileExistsError:
            pass
        found = path.read_bytes()
        if len(found) == BYTES:
            return found
        log.warning("%s is damaged: tokens of jobs hold until the server stops; remove it to have a new one made", path)
    except OSError as error:
        log.warning("%s cannot be kept (%s): tokens of jobs hold until the server stops", path, error.strerror)
    return secrets.token_bytes(BYTES)
