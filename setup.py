"""What pyproject.toml cannot say: the top-level folders are packages of `shatterscope`, and the folders beside them go into the wheel, inside
the packages that read them.

In the repository all stay where people look for them; `shatterscope.backend.settings.shipped` and `shatterscope.app.kit.assets` find the folders in either place.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGES = ("app", "backend", "wire")
FOLDERS = {
    "frontend_assets": "shatterscope/app/frontend_assets",
    "lessons": "shatterscope/backend/shipped/lessons",
    "models_cache": "shatterscope/backend/shipped/models_cache",
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


def packages_of(top: str) -> list[str]:
    return [f"shatterscope.{name}" for name in [top, *(f"{top}.{inner}" for inner in find_packages(str(ROOT / top)))]]


setup(
    packages=[name for top in PACKAGES for name in packages_of(top)],
    package_dir={f"shatterscope.{top}": top for top in PACKAGES},
    cmdclass={"build_py": BuildWithFolders},
)
