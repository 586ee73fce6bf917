"""The paper's own numbers (Nishi et al. 2025, arXiv 2410.17194), in our units: fractions for accuracies, R as it is. All by ROME."""

from __future__ import annotations

from shatterscope.wire.base import SubGraph
from shatterscope.wire.reproduction import PaperTask

METHOD = "rome"  # the paper's main method

# Table 1: change of accuracy. (kind, distance), distance 0 for corrective edits.
ACCURACY: dict[tuple[str, int], dict[PaperTask, float]] = {
    ("corrective", 0): {"direct": -0.2195, "logical": -0.2224, "compositional": -0.2960},
    ("counterfactual", 1): {"direct": -0.0149, "logical": -0.0144, "compositional": -0.0532},
    ("counterfactual", 4): {"direct": -0.7794, "logical": -0.7802, "compositional": -0.8063},
}

# R(D*) of counterfactual edits by distance.
SHATTERING: dict[int, dict[SubGraph, float]] = {
    1: {"edit": 1.80, "retain": 1.80, "test": 1.84},
    2: {"edit": 21.93, "retain": 20.84, "test": 21.89},
    3: {"edit": 26.22, "retain": 25.32, "test": 26.52},
    4: {"edit": 27.90, "retain": 27.28, "test": 28.68},
}

R2 = 0.905  # R against the drop of accuracy, over single edits
