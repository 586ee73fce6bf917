"""What the unedited model holds and answers, everything asked once at every site, kept beside the model: a page opens on it without the model in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from safetensors import SafetensorError, safe_open
from torch import Tensor

from shatterscope.backend.activations import in_words
from shatterscope.backend.models import LanguageModel, site_names
from shatterscope.backend.spoken.survey import AskedRelation, Survey, probabilities
from shatterscope.backend.spoken.text import perplexity
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.tensor_files import tensor_bytes
from shatterscope.backend.worlds import Relation

FILE = "readings.safetensors"
PROBABILITY = "probability"

Source = Callable[[], tuple[LanguageModel, Tensor]]
"""The model, and (B, T) tokens of text that nothing else is measured on."""


class KeptReadings:
    """Read from `folder`, or made and kept there. Those of another identity are made again. Made once, however many ask."""

    def __init__(self, folder: Path, identity: str, world: Spoken, n_layers: int, source: Source) -> None:
        self._path, self._identity, self._world, self._source = folder / FILE, identity, world, source
        self._sites = site_names(n_layers)
        self._lock, self._known = Lock(), False

    def at(self, relation: Relation, site: str) -> Tensor:
        """(W, n, d) of the n names that `relation` is asked of, in its W wordings. Raises `OSError` where it cannot be kept."""
        self.ready()
        return self._read(_key(relation, site))

    def survey(self) -> Survey:
        site = f"resid_post.{(len(self._sites) - 2) // 4 - 1}"
        return Survey(
            tuple(
                AskedRelation(self.at(relation, site), self._read(_key(relation, PROBABILITY)))
                for relation in self._world.relations
            )
        )

    def perplexity(self) -> tuple[float, int]:
        """And the number of tokens that it is over."""
        self.ready()
        with safe_open(self._path, "pt") as file:
            said = file.metadata()
        return float(said["perplexity"]), int(said["n_tokens"])

    def ready(self) -> None:
        """Make them where they are not there."""
        with self._lock:
            if not self._known and not self._there():
                self._make()
            self._known = True

    def _there(self) -> bool:
        try:
            with safe_open(self._path, "pt") as file:
                return (file.metadata() or {}).get("of") == self._identity
        except (OSError, SafetensorError):
            return False

    def _make(self) -> None:
        model, text = self._source()
        found: dict[str, Tensor] = {}
        for relation in self._world.relations:
            at = in_words(model, self._world, relation, self._sites)
            found |= {_key(relation, site): x.contiguous() for site, x in at.items()}
            last = at[f"resid_post.{model.config.n_layers - 1}"]
            found[_key(relation, PROBABILITY)] = probabilities(model, last, self._world.n_entities)
        said = {"of": self._identity, "perplexity": repr(perplexity(model, text)), "n_tokens": str(text[:, 1:].numel())}
        part = self._path.with_name(f"{FILE}.{os.getpid()}.part")
        part.write_bytes(tensor_bytes(found, said))
        os.replace(part, self._path)

    def _read(self, key: str) -> Tensor:
        with safe_open(self._path, "pt") as file:
            tensor: Tensor = file.get_tensor(key)
            return tensor


def _key(relation: Relation, what: str) -> str:
    return f"{relation.name}|{what}"


def reading_of(x: Tensor, wording: int | None) -> Tensor:
    """(W, n, d) -> (n, d), the mean over wordings or one of them."""
    return x.mean(0) if wording is None else x[wording]
