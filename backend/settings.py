"""Environment and defaults: every setting is an environment variable `SHATTERSCOPE_<NAME>`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
# What ships: a wheel has it inside the package, the repository beside it (setup.py).
SHIPPED = PACKAGE / "shipped" if (PACKAGE / "shipped").is_dir() else REPOSITORY
LESSONS = SHIPPED / "lessons"
PREFIX = "SHATTERSCOPE_"


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one line naming the variable and the fix."""


def _default_state_dir() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # the XDG specification: a relative one is to be ignored
        return Path(given) / "shatterscope"
    try:
        return Path.home() / ".local" / "state" / "shatterscope"
    except RuntimeError:
        raise SettingsError(
            f"your home folder is not known; set HOME, or {PREFIX}STATE_DIR to a folder for all that is written"
        ) from None


def absolute(path: str | Path) -> Path:
    """The path from the root on, `~` and `~name` resolved.

    Raises:
        ValueError: there is no such home or no folder to begin at, or the path is not text.
    """
    try:
        found = Path(path).expanduser().absolute()
    except RuntimeError:
        raise ValueError("there is no home folder of that name; write the whole path") from None
    except OSError as error:
        raise ValueError(f"the folder you are in is gone ({error.strerror}); go to another") from None
    try:
        str(found).encode()
    except UnicodeEncodeError:
        raise ValueError("the path holds bytes that are not UTF-8; use another folder, or a link to it") from None
    if "\0" in str(found):
        raise ValueError("a path cannot contain a NUL character")
    return found


class Settings(BaseSettings):
    """All settings. Build with `load_settings`, which turns bad values into a `SettingsError`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    state_dir: Path = Field(default_factory=_default_state_dir, description="all that is written at run time")
    models_dir: Path = Field(default=SHIPPED / "models_cache", description="folder of trained checkpoints")
    database_url: str | None = Field(default=None, description="any SQLAlchemy URL; default: SQLite in state_dir")
    lessons_dir: str = Field(
        default="", description=f"folders of lessons besides those that ship, with {os.pathsep} between them"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    workers: int = Field(default=2, ge=1, le=64, description="computations that run at the same time")
    queue_limit: int = Field(default=128, ge=0, le=10_000, description="computations that may wait before 429")
    compute_seconds: float = Field(default=120, gt=0, le=86_400, description="computing that one computation may use")
    editor_seconds: float = Field(
        default=60, gt=0, le=86_400, description="computing that a method of another package may use for one edit"
    )
    request_seconds: float = Field(default=180, gt=0, le=86_400, description="until an answer has to begin")
    work_limit: int = Field(
        default=500_000, ge=1, le=10**12, description="steps x contexts that a stack of edits may ask for, in all"
    )
    warm_up: bool = Field(default=True, description="compute at the start what the first click needs")
    language_model_seconds: float = Field(
        default=600, gt=0, le=86_400, description="that a language model stays in memory when nobody asks it"
    )
    cache_mb: int = Field(default=128, ge=1, le=1_000_000, description="memory for computed results, MB")
    sweep_limit: int = Field(default=20_000, ge=1, le=10_000_000, description="edits that one sweep may ask for")
    kept_rows: int = Field(
        default=1_000_000, ge=1, description="rows of sweeps that are kept; the oldest sweeps that have ended go first"
    )
    sweep_workers: int | None = Field(
        default=None, ge=1, le=64, description="processes of a sweep, one thread each; default: one for each core"
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8050, ge=1, le=65535)
    default_checkpoint: str | None = Field(default=None, description="checkpoint the page opens on")
    api_url: str | None = Field(
        default=None, description="an API elsewhere for the page to use; default: this server's"
    )
    public_url: str | None = Field(default=None, description="address people reach the server by, for links")
    allowed_hosts: str = Field(
        default="",
        description="names this server answers to besides its own, with commas between them: lab.example.org,*.example.org; "
        "* for all. Addresses, names without a dot and the name of public_url always pass",
    )
    frame_ancestors: str = Field(
        default="'self'",
        pattern=r"^[!-:<-~]+( [!-:<-~]+)*$",
        description="sites whose pages may show this one in a frame, as in CSP: 'none', or https://course.example.org",
    )
    image_hosts: str = Field(
        default="",
        pattern=r"^([!-:<-~]+( [!-:<-~]+)*)?$",
        description="sites whose pictures lessons may show, as in CSP: https://upload.wikimedia.org; the browser loads no others",
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        kind, _, index = value.partition(":")
        if kind not in ("auto", "cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
            raise ValueError("use auto, cpu, cuda or cuda:N")
        return value

    @field_validator("public_url", "api_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("give a full address such as https://lab.example.org")
        return value.rstrip("/") if value else value

    @field_validator("public_url")
    @classmethod
    def _at_the_root(cls, value: str | None) -> str | None:
        """The pages name their scripts and one another by addresses that begin at the root."""
        parts = urlsplit(value or "")
        if parts.path or parts.query or parts.fragment:
            root = f"{parts.scheme}://{parts.netloc}"
            raise ValueError(
                f"Shatterscope has to be at the root of its host, not below a path. Give it a host name or a port of its own, and set {root}"
            )
        return value

    @field_validator("state_dir", "models_dir")
    @classmethod
    def _absolute_path(cls, value: Path) -> Path:
        return absolute(value)

    @field_validator("lessons_dir")
    @classmethod
    def _absolute_paths(cls, value: str) -> str:
        return os.pathsep.join(str(absolute(part)) for part in value.split(os.pathsep) if part)

    def environment(self) -> dict[str, str]:
        """The variables that give another process the same settings, wherever these came from."""
        values = {f"{PREFIX}{name.upper()}": value for name, value in self.model_dump(mode="json").items()}
        return {name: "" if value is None else str(value) for name, value in values.items()}

    @property
    def lesson_dirs(self) -> list[Path]:
        return [Path(part) for part in self.lessons_dir.split(os.pathsep) if part]

    @property
    def store_file(self) -> Path:
        """The SQLite database, where no other is set."""
        return self.state_dir / "shatterscope.db"

    @property
    def language_models_dir(self) -> Path:
        """Pretrained models that were added: not trained here, and so not among the checkpoints."""
        return self.state_dir / "language-models"

    @property
    def address(self) -> str:
        """Where people reach the pages, as far as the settings say."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return self.public_url or f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{quote(str(self.store_file))}"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides` that are not None win (command-line options).

    Raises:
        SettingsError: one line per bad value, naming the variable.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_line(item) for item in error.errors())) from None


def _line(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else "settings"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name.upper()}={str(item['input'])!r} is not usable: {message}"


def resolve_device(device: str) -> str:
    """`auto` becomes cuda where there is one, else cpu; raises `SettingsError` for a device this machine lacks."""
    import torch  # the one slow import, not needed to read settings

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        count = torch.cuda.device_count()
        if int(device.partition(":")[2] or 0) >= count:
            raise SettingsError(
                f"{PREFIX}DEVICE={device!r} is not usable: this machine has {count} CUDA devices; use cpu"
            )
    if device == "mps" and not torch.backends.mps.is_available():
        raise SettingsError(f"{PREFIX}DEVICE='mps' is not usable: not available on this machine; use cpu")
    return device
