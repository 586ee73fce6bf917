"""What pyproject.toml cannot say: the folders beside the packages go into the wheel, inside the packages that read them.

In the repository they stay where people look for them; `backend.settings.shipped` and `app.pages` find them in either place.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
FOLDERS = {
    "frontend_assets": "app/frontend_assets",
    "lessons": "backend/shipped/lessons",
    "models_cache": "backend/shipped/models_cache",
}
LEFT_OUT = ("__pycache__", ".*", "training_state.safetensors", "*.part")


class BuildWithFolders(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # which reads them in place
            return
        for name, place in FOLDERS.items():
            target = Path(self.build_lib) / place
            shutil.rmtree(target, ignore_errors=True)  # what an earlier build left and is here no more
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns(*LEFT_OUT))


setup(cmdclass={"build_py": BuildWithFolders})
