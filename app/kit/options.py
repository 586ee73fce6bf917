"""What the controls offer for a checkpoint and a method, and small readings of them. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shatterscope.app.kit import ids, pictures, words
from shatterscope.app.kit.actions import Resolved
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.state import Parameters, See, Tool, ViewState
from shatterscope.app.kit.world import World
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

Options = list[Any]  # `{value, label, ...}`, of a field of names the names

ALL_LAYERS = "all"
SPREAD = "spread"  # the parameter of methods that can
FEW_LAYERS = 8  # so many at most are chosen all at once: of more, presets say over which a change is spread

DIRECTIONS: Options = [
    {"value": "C", "label": "↻", "title": "clockwise"},
    {"value": "A", "label": "↺", "title": "anticlockwise"},
]
PROJECTION_NAMES = {"isomap": "Isomap", "pca": "PCA"}
ALIGN_NAMES = {
    "procrustes": "After rotated to match Before",
    "shared": "axes fixed from Before",
    "none": "each on its own",
}
SITE_NAMES = {
    "embed": "embedding",
    "attn_out": "attention output",
    "resid_mid": "after attention",
    "mlp_out": "MLP output",
    "resid_post": "residual stream",
    "final_norm": "final norm",
}


def find_checkpoint(checkpoints: list[CheckpointInfo], name: str | None) -> CheckpointInfo:
    """The named one, else the default."""
    by_id = {item.id: item for item in checkpoints}
    default = next((item for item in checkpoints if item.default), checkpoints[0])
    return by_id.get(name or "", default)


def trained(checkpoints: list[CheckpointInfo], asked: str | None) -> tuple[list[CheckpointInfo], str]:
    """Those that were trained here, for a page that is about them; and a notice where a language model is `asked` for."""
    found = [item for item in checkpoints if item.language is None]
    language = next((item for item in checkpoints if item.language is not None and item.id == asked), None)
    if language is None:
        return found, ""
    return (
        found,
        f"{language.id} is a language model, and this page is about checkpoints that were trained here: one of them is shown.",
    )


def site_name(site: str) -> str:
    kind, _, layer = site.partition(".")
    name = SITE_NAMES.get(kind, kind)
    return f"layer {layer}, {name}" if layer else name


def place(see: See, relation: str, site: str, world: World) -> str:
    """What a picture is of: relation, site, and of a language model the wording, where it is one."""
    found = f"{relation} · {site_name(site)}"
    return found if see.wording is None else f"{found} · “{world.told(relation, see.wording)}”"


def world(
    checkpoint: CheckpointInfo, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]
) -> dict[str, Options]:
    graph = checkpoint.graph
    orders = graph.orders if graph.kind == "rings" else []
    return {
        ids.CHECKPOINT: [{"value": item.id, "label": item.title} for item in checkpoints],
        ids.ORDER: [{"value": order, "label": order, "title": f"ring {order}"} for order in orders],
        ids.HOPS: [
            {"value": hops, "label": str(hops), "title": words.plural(hops, "step")}
            for hops in range(1, graph.n_hops + 1)
        ],
        ids.METHOD: methods(on_model(editors, checkpoint)),
        ids.SEE_RELATION: [
            {"value": "", "label": "as asked"},
            *({"value": name, "label": name} for name in graph.relations),
        ],
        ids.SITE: sites(checkpoint),
        ids.PROJECTION: [{"value": key, "label": name} for key, name in PROJECTION_NAMES.items()],
        ids.ALIGN: [{"value": key, "label": name} for key, name in ALIGN_NAMES.items()],
    }


def sites(checkpoint: CheckpointInfo) -> Options:
    """Of a model of many layers by their kinds, the one that is shown first of all first; of one that is played back, that one alone."""
    found = [{"value": site, "label": site_name(site)} for site in checkpoint.model.sites]
    if checkpoint.language is not None and checkpoint.language.recorded is not None:
        return [option for option in found if option["value"] == checkpoint.model.default_site]
    if checkpoint.model.n_layers <= FEW_LAYERS:
        return found
    read = checkpoint.model.default_site.partition(".")[0]
    for option in found:
        kind, _, layer = option["value"].partition(".")
        option["group"] = SITE_NAMES.get(kind, kind) if layer else "ends"
    return sorted(found, key=lambda option: not option["value"].startswith(f"{read}."))


def methods(editors: list[EditorInfo]) -> Options:
    """Where packages bring some, each under whose it is."""
    if not any(editor.package for editor in editors):
        return [{"value": editor.name, "label": editor.title} for editor in editors]
    return [
        {
            "value": editor.name,
            "label": editor.title,
            "group": f"from {editor.package}" if editor.package else "built in",
        }
        for editor in editors
    ]


def tool(resolved: Resolved) -> dict[str, Options]:
    return {
        ids.PRESET: [{"value": preset.name, "label": preset.name} for preset in resolved.editor.presets],
        ids.LAYER: [
            *({"value": layer, "label": str(layer)} for layer in resolved.layers),
            *(
                [{"value": ALL_LAYERS, "label": "both" if len(resolved.layers) == 2 else "all"}]
                if spreads(resolved)
                else []
            ),
        ],
    }


def spreads(resolved: Resolved) -> bool:
    """Whether the method may spread its change over all layers."""
    return SPREAD in resolved.parameters and 1 < len(resolved.layers) <= FEW_LAYERS


def layer_choice(resolved: Resolved) -> int | str:
    """What the layer picker shows: all layers where the change is spread from the first one on."""
    everywhere = spreads(resolved) and resolved.parameters[SPREAD] and resolved.layer == resolved.layers[0]
    return ALL_LAYERS if everywhere else resolved.layer


def chosen_layer(choice: int | str | None, n_layers: int) -> tuple[int | None, Parameters]:
    """From the layer picker of a model of so many layers: the first layer, and the parameters that go with it."""
    if choice == ALL_LAYERS:
        return 0, {SPREAD: True}
    return choice if isinstance(choice, int) else None, {SPREAD: False} if n_layers <= FEW_LAYERS else {}


def own(resolved: Resolved) -> Parameters:
    """The parameters that differ from the preset."""
    return {name: value for name, value in resolved.parameters.items() if resolved.preset_parameters.get(name) != value}


def parameters_from_form(fields: list[dict[str, Any]]) -> Parameters:
    """From Dash's grouping of the form's inputs; an emptied field means the preset's value."""
    found = {item["id"]["name"]: item.get("value") for item in fields}
    flags = {"true": True, "false": False}
    return {
        name: flags.get(value, value) if isinstance(value, str) else value
        for name, value in found.items()
        if value is not None
    }


def shortest(view: ViewState, checkpoint: CheckpointInfo, resolved: Resolved, editors: list[EditorInfo]) -> ViewState:
    """The same view with defaults left out, for the URL; a link with edits names its checkpoint."""
    editor, first = resolved.editor, on_model(editors, checkpoint)[0]
    chosen = Tool(
        editor.name if editor.name != first.name else None,
        resolved.preset if resolved.preset != editor.default_preset else None,
        resolved.layer if resolved.layer != editor.default_layer else None,
        own(resolved),
        resolved.implied,
    )
    site = view.see.site if view.see.site != checkpoint.model.default_site else None
    name = None if checkpoint.default and not view.edits else checkpoint.id
    return replace(view, checkpoint=name, tool=chosen, see=replace(view.see, site=site))


def checkpoint_facts(checkpoint: CheckpointInfo) -> str:
    graph, model, training, language = checkpoint.graph, checkpoint.model, checkpoint.training, checkpoint.language
    worst = min(checkpoint.accuracy.direct.values(), default=0.0)
    rings = graph.kind == "rings"
    groups = f"on {graph.n_orders} rings" if rings else f"in {words.plural(graph.n_orders, 'group')}"
    found = checkpoint.rings
    shown = (
        pictures.counted((found.shape or {}).values())
        if rings
        else f"{found.closed} of {len(found.shape or {})} as they should be"
    )
    seen = shown if found.shape else "not judged"
    if training is not None:
        trained = f"{training.steps:,} training steps"
    else:
        licence = (
            "of unknown licence" if language is None or language.licence is None else f"licence {language.licence}"
        )
        trained = f"not trained here, {licence}, converted from {language.source if language else 'unknown'}"
        if language is not None and language.recorded is not None:
            trained += f", not on this machine: {words.plural(language.recorded.edits, 'edit')} are played back"
    return (
        f"{graph.n_entities} entities {groups}, {len(graph.relations)} relations; {model.n_layers} layers, "
        f"{model.n_params:,} parameters; {trained}; direct recall at least {words.percent(worst)}; "
        f"its {len(graph.relations)} pictures: {seen}."
    )
