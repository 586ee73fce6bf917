"""Names and token ids. Entities come first (token id = entity), relations follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from shatterscope.backend.worlds import Relation, World


@dataclass(frozen=True)
class Vocabulary:
    entity_names: tuple[str, ...]
    relation_names: tuple[str, ...]

    @classmethod
    def of(cls, world: World) -> Vocabulary:
        return cls(world.entities, tuple(world.relation_names))

    @property
    def n_entities(self) -> int:
        return len(self.entity_names)

    @property
    def size(self) -> int:
        return self.n_entities + len(self.relation_names)

    @cached_property
    def names(self) -> list[str]:
        """Name of every token, in the order of the ids."""
        return [*self.entity_names, *self.relation_names]

    def relation_token(self, relation: Relation | int) -> int:
        return self.n_entities + (relation if isinstance(relation, int) else relation.index)
