"""Names and token ids. Entities come first (token id = entity), relations follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from shatterscope.backend.graph import KnowledgeGraph, Relation


@dataclass(frozen=True)
class Vocabulary:
    n_entities: int
    relation_names: tuple[str, ...]

    @classmethod
    def of(cls, graph: KnowledgeGraph) -> Vocabulary:
        return cls(graph.n_entities, tuple(graph.relation_names))

    @property
    def size(self) -> int:
        return self.n_entities + len(self.relation_names)

    @cached_property
    def names(self) -> list[str]:
        """Name of every token, in the order of the ids."""
        return [str(entity) for entity in range(self.n_entities)] + list(self.relation_names)

    def relation_token(self, relation: Relation | int) -> int:
        return self.n_entities + (relation if isinstance(relation, int) else relation.index)
