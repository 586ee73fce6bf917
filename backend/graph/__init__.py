"""The synthetic world: entities standing on several independent rings."""

from shatterscope.backend.graph.holdout import Holdout, draw_holdout
from shatterscope.backend.graph.knowledge_graph import GraphConfig, KnowledgeGraph, Relation

__all__ = ["GraphConfig", "Holdout", "KnowledgeGraph", "Relation", "draw_holdout"]
