"""What a sweep will do, settled before it begins: a list of rows, each with an address that never changes.

A plan is a few drawn facts and complete method specifications; row `index` follows from it by counting, so a sweep that was killed knows
from the indices in the store which rows are missing. Rows are computed in tasks, which are the same whenever the sweep is resumed: a
batch of edits of one method (grid), or one whole sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import method_named
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec
from shatterscope.backend.evaluation import single_facts
from shatterscope.backend.models import site_names
from shatterscope.backend.worlds import World
from shatterscope.wire.sweeps import SweepMethod, SweepRequest

BEFORE = ("embed", "attn_out.0", "resid_mid.0")  # the first MLP's output
BATCH = 16  # edits of a task: computed together, and lost together at most where a worker is killed

Pair = tuple[int, str]  # subject and relation


@dataclass(frozen=True)
class KnownFacts:
    """All single facts, as the unedited model answers them."""

    right: list[Pair]
    wrong: list[Pair]


class TooManyCells(ValueError):
    """The sweep is larger than the configured bound."""


@dataclass(frozen=True)
class Method:
    """Complete: what the preset meant when the sweep was asked for."""

    name: str
    preset: str
    layer: int
    parameters: dict[str, Any]
    edits: int | None = None  # per cell; None: `Plan.per_cell`
    restraint: Mapping[str, Any] | None = None
    implied: bool = False


@dataclass(frozen=True)
class Plan:
    """`distances` has a 0 for corrective edits, the last. `facts` are answered right by the unedited model, `errors` wrong.

    `every` is None for a grid. For sequences, every `per_cell` facts in a row belong to one sequence, all of one order.
    """

    methods: tuple[Method, ...]
    distances: tuple[int, ...]
    facts: tuple[Pair, ...]
    errors: tuple[Pair, ...]
    per_cell: int
    every: int | None = None
    repetitions: int = 1

    @property
    def rows_per_sequence(self) -> int:
        assert self.every is not None
        return -(-self.per_cell // self.every)

    @property
    def n_rows(self) -> int:
        if self.every is None:
            return sum(sum(self._counts(m)) for m in range(len(self.methods)))
        return len(self.methods) * len(self.distances) * self.repetitions * self.rows_per_sequence

    def _counts(self, method: int) -> tuple[int, int]:
        """Edits of a grid by one method: counterfactual ones of all distances, and corrective ones."""
        n = self.methods[method].edits or self.per_cell
        corrective = min(n, len(self.errors)) if 0 in self.distances else 0
        return n * sum(distance != 0 for distance in self.distances), corrective

    def tasks(self) -> list[SweepTask]:
        """All tasks, in the order of their work: methods and kinds fill evenly."""
        return sorted(self._tasks(), key=lambda task: task.repetition)

    def _tasks(self) -> Iterator[SweepTask]:
        index = 0
        for m in range(len(self.methods)):
            if self.every is None:
                # repetition by repetition, all kinds of each: a task mixes kinds, never methods
                count = sum(self._counts(m))
                for start in range(0, count, BATCH):
                    rows = min(BATCH, count - start)
                    yield SweepTask(m, None, self._cell(m, start)[1], index + start, rows, start)
                index += count
            else:
                for distance in self.distances:
                    for repetition in range(self.repetitions):
                        yield SweepTask(m, distance, repetition, index, self.rows_per_sequence, 0)
                        index += self.rows_per_sequence

    def place(self, task: SweepTask, index: int) -> tuple[int, int]:
        """(distance, repetition) of a row."""
        if task.distance is not None:
            return task.distance, task.repetition
        return self._cell(task.method, task.offset + index - task.start)

    def _cell(self, method: int, place: int) -> tuple[int, int]:
        """(distance, repetition) of a grid's row, the `place`-th of its method. Where corrective edits run out, the other kinds go on."""
        kinds, corrective = len(self.distances), self._counts(method)[1]
        whole = corrective * kinds  # rows of the repetitions that have every kind
        if 0 not in self.distances or place < whole:
            repetition, kind = divmod(place, kinds)
        else:
            repetition, kind = divmod(place - whole, kinds - 1)
            repetition += corrective
        return self.distances[kind], repetition

    def fact(self, distance: int, i: int) -> Pair:
        return self.facts[i] if distance else self.errors[i]

    def spec(self, checkpoint: Checkpoint, method: int, distance: int, pair: Pair) -> CompleteSpec:
        chosen, (subject, relation) = self.methods[method], pair
        return complete_spec(
            checkpoint.world,
            checkpoint.model.config.n_layers,
            subject=subject,
            relation=relation,
            distance=distance,
            method=chosen.name,
            layer=chosen.layer,
            parameters=chosen.parameters,
            restraint=chosen.restraint,
            implied=chosen.implied,
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        plan = cls(**values)
        return replace(
            plan,
            methods=tuple(Method(**each) for each in values["methods"]),
            distances=tuple(plan.distances),
            facts=tuple((subject, relation) for subject, relation in plan.facts),
            errors=tuple((subject, relation) for subject, relation in plan.errors),
        )


@dataclass(frozen=True)
class SweepTask:
    """Rows `start` to `start + rows - 1`, computed by one worker. `distance` is None for a batch of a grid, where `offset` says how many
    of the method's rows come before."""

    method: int
    distance: int | None
    repetition: int
    start: int
    rows: int
    offset: int

    @property
    def indices(self) -> range:
        return range(self.start, self.start + self.rows)


def n_edits(request: SweepRequest) -> list[int]:
    """Edits that a sweep makes by each of its methods: what its size is measured by."""
    repetitions = 1 if request.sequence is None else request.sequence.repetitions
    corrective = (request.corrective_edits or request.edits_per_cell) if request.corrective else 0
    numbers = [method.edits or request.edits_per_cell for method in request.methods]
    return [repetitions * (n * len(request.distances) + min(n, corrective)) for n in numbers]


def check_size(request: SweepRequest, limit: int) -> None:
    """Raises `TooManyCells` for a sweep of more than `limit` edits."""
    if (count := sum(n_edits(request))) > limit:
        raise TooManyCells(
            f"this sweep has {count} edits, and at most {limit} are allowed (SHATTERSCOPE_SWEEP_LIMIT); "
            "ask for fewer methods, distances or edits per cell"
        )


def make_plan(checkpoint: Checkpoint, request: SweepRequest, known: KnownFacts) -> Plan:
    """Draw the facts and complete the methods.

    Raises:
        EditError: a method, distance or number of edits that this checkpoint cannot serve; `field` is the path in the request.
    """
    distances = tuple(request.distances) + ((0,) if request.corrective else ())
    named_sites(request.sites, checkpoint.model.config.n_layers)
    methods = tuple(_complete(checkpoint, each, f"methods.{i}") for i, each in enumerate(request.methods))
    rings = checkpoint.world.kind == "rings"
    for i, distance in enumerate(request.distances):
        if not rings and distance < 1:
            raise EditError(f"distances.{i}", f"must be at least 1, got {distance}")
        if rings and not 1 <= abs(distance) <= checkpoint.world.n_entities // 2:
            message = f"must lie in 1..{checkpoint.world.n_entities // 2} (or its negative), got {distance}"
            raise EditError(f"distances.{i}", message)
    sequence, n = request.sequence, request.edits_per_cell
    rng = np.random.default_rng([request.seed, 3])
    right = known.right if rings else with_objects_at(checkpoint.world, known.right, request.distances)
    needed = {"facts": (right, bool(request.distances)), "errors": (known.wrong, request.corrective)}
    drawn: dict[str, tuple[Pair, ...]] = {}
    for name, (population, wanted) in needed.items():
        pick = rng.permutation(len(population))
        if not wanted:
            drawn[name] = ()
        elif sequence is None:
            many = request.corrective_edits or n if name == "errors" else n
            drawn[name] = _take(population, pick, many, name)
        else:
            drawn[name] = _sequences(checkpoint, population, pick, n, sequence.repetitions, name)
    every, repetitions = (None, 1) if sequence is None else (sequence.every, sequence.repetitions)
    return Plan(methods, distances, drawn["facts"], drawn["errors"], n, every, repetitions)


def with_objects_at(world: World, facts: Sequence[Pair], distances: Sequence[int]) -> list[Pair]:
    """Those of which there is another object at each of `distances`. (On a ring there is one at every distance up to half of it.)"""
    return [
        (subject, relation)
        for subject, relation in facts
        if {*distances} <= world.counterfactuals(subject, world.relation(relation)).keys()
    ]


def _complete(checkpoint: Checkpoint, method: SweepMethod, field: str) -> Method:
    """A method with its defaults. Which fact it is completed with does not matter."""
    world = checkpoint.world
    relation = next(each for each in world.relations if len(world.domain(each)))
    try:
        spec = complete_spec(
            checkpoint.world,
            checkpoint.model.config.n_layers,
            subject=int(world.domain(relation)[0]),
            relation=relation.name,
            distance=0,
            method=method.name,
            preset=method.preset,
            layer=method.layer,
            parameters=method.parameters,
            restraint=None if method.restraint is None else method.restraint.model_dump(),
            implied=method.implied,
        )
    except EditError as error:
        name = "name" if error.field == "method" else error.field
        raise EditError(f"{field}.{name}", error.message) from None
    preset = method.preset or method_named(spec.method).default_preset
    return Method(spec.method, preset, spec.layer, dict(spec.parameters), method.edits, spec.restraint, spec.implied)


def named_sites(asked: Sequence[str], n_layers: int) -> list[str]:
    """The sites where R is read, `last` replaced by the last layer's number.

    Raises:
        EditError: an unknown one, one that no edit reaches, or one twice; `field` is the path in the request.
    """
    found: list[str] = []
    known = site_names(n_layers)
    for i, name in enumerate(asked):
        site = f"{name.removesuffix('.last')}.{n_layers - 1}" if name.endswith(".last") else name
        if site not in known:
            able = ", ".join(each for each in known if each not in BEFORE)
            raise EditError(f"sites.{i}", f"unknown site {name!r}; R can be read at {able}")
        if site in BEFORE:
            raise EditError(
                f"sites.{i}", f"no edit reaches {site}: every method writes to an MLP's output, so R is 0 there"
            )
        if site in found:
            raise EditError(f"sites.{i}", f"{name!r} is there twice")
        found.append(site)
    return found


def known_facts(checkpoint: Checkpoint) -> KnownFacts:
    """Ask the unedited model for every single fact, on the bare prompt."""
    world = checkpoint.world
    right: list[Pair] = []
    wrong: list[Pair] = []
    for relation, answered in single_facts(world, checkpoint.model):
        correct = world.answered(relation, answered.prediction.cpu().numpy())
        right += [(int(x), relation.name) for x in np.flatnonzero(correct)]
        wrong += [(int(x), relation.name) for x in np.flatnonzero(world.present[:, relation.index] & ~correct)]
    return KnownFacts(right, wrong)


def _take(population: Sequence[Pair], pick: np.typing.NDArray[np.int64], n: int, name: str) -> tuple[Pair, ...]:
    if len(population) < n:
        raise EditError("edits_per_cell", _too_few(len(population), name))
    return tuple(population[i] for i in pick[:n])


def _too_few(there_are: int, name: str, where: str = "") -> str:
    kind = "answers right" if name == "facts" else "gets wrong"
    remedy = "" if name == "facts" else ", or set `corrective` to false"
    return f"there are only {there_are} facts{where} that this model {kind}; ask for fewer edits{remedy}"


def _sequences(
    checkpoint: Checkpoint,
    population: Sequence[Pair],
    pick: np.typing.NDArray[np.int64],
    n: int,
    repetitions: int,
    name: str,
) -> tuple[Pair, ...]:
    """The facts of all sequences, one sequence after another. Each has one order, the `edit` sub-graph, in turn; none a fact twice."""
    world, orders = checkpoint.world, len(checkpoint.world.groups)
    by_order: list[list[Pair]] = [[] for _ in range(orders)]
    for i in pick:
        by_order[world.relation(population[i][1]).group].append(population[i])
    found: list[Pair] = []
    for repetition in range(repetitions):
        turn, order = divmod(repetition, orders)
        facts = by_order[order][turn * n : (turn + 1) * n]
        if len(facts) < n:
            where = f" in {'order' if world.kind == 'rings' else 'group'} {world.group_names[order]}"
            raise EditError("edits_per_cell", _too_few(len(by_order[order]), name, where))
        found += facts
    return tuple(found)
