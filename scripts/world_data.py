"""Writes the facts and pictures of the real worlds into backend/worlds/data, from packages of the extra `worlds`.

    python -m scripts.world_data countries elements

What was vetted and mended in the sources stands in that folder's README.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from shatterscope.backend.settings import REPOSITORY

FOLDER = REPOSITORY / "backend" / "worlds" / "data"
Row = tuple[object, ...]
FACTS, LAYOUT = ("subject", "relation", "object", "group"), ("entity", "x", "y", "color", "branch")

# --- countries ----------------------------------------------------------------------------------------------------------------

# Neither member nor observer state of the United Nations, by ISO 3166 (or the source's own code): territories, states that are no more, and
# Kosovo and Taiwan, on which states disagree.
NO_STATES = """CUW ASM AIA ATA ABW BMU BES BVT IOT CYM CXR CCK COK FLK FRO GUF PYF ATF GIB GRL GLP GUM GGY HMD HKG JEY MAC MTQ IMN MYT MSR
ANT NCL NIU NFK MNP PCN PRI REU BLM SHN MAF SPM SCG SXM SGS SJM TWN TKL TCA UMI VGB VIR WLF ESH ALA KOS XKX"""
NAMES = {
    "BHS": "Bahamas",
    "CZE": "Czechia",
    "GMB": "Gambia",
    "MKD": "North Macedonia",
    "SWZ": "Eswatini",
    "VAT": "Vatican City",
}
CAPITALS = {
    "BDI": ("Gitega", -3.43, 29.92),
    "KAZ": ("Astana", 51.13, 71.43),
    "LKA": ("Sri Jayawardenepura Kotte", 6.89, 79.92),
    "SWZ": ("Mbabane", -26.32, 31.14),
    "VAT": ("Vatican City", 41.90, 12.45),
}
PLACES = {"ATG": (17.12, -61.85), "GRD": (12.05, -61.75), "TLS": (-8.56, 125.57)}  # of capitals: latitude, longitude
SUBREGIONS = {"MNE": "Southern Europe"}
NO_BORDERS = ["TCD SSD", "CYP GBR", "IND AFG", "IND LKA", "KWT IRN", "MMR BTN", "SRB ALB", "SUR FRA"]
CURRENCIES = {  # the source has those of before a change, or several: the one that the state issues
    "BGR": "EUR",
    "BLR": "BYN",
    "BOL": "BOB",
    "BTN": "BTN",
    "CHE": "CHF",
    "CHL": "CLP",
    "CUB": "CUP",
    "HRV": "EUR",
    "HTI": "HTG",
    "LSO": "LSL",
    "MRT": "MRU",
    "NAM": "NAD",
    "PAN": "PAB",
    "SLE": "SLE",
    "SLV": "USD",
    "STP": "STN",
    "URY": "UYU",
    "USA": "USD",
    "VEN": "VES",
    "ZMB": "ZMW",
    "ZWE": "ZWG",
}
NEAREST = 5
REGIONS = ("Americas", "Europe", "Africa", "Asia", "Oceania")


def source_countries() -> dict[str, dict[str, Any]]:
    """The source's record of every state, by its code; of two records of one state the one whose capital is a name."""
    found: dict[str, dict[str, Any]] = {}
    files = importlib.resources.files("countryinfo").joinpath("data").iterdir()
    for file in sorted((each for each in files if each.name.endswith(".json")), key=lambda each: each.name):
        record = json.loads(file.read_text(encoding="utf-8"))
        code = record["ISO"]["alpha3"]
        if code not in NO_STATES.split() and isinstance(record["capital"], str) and record.get("latlng"):
            found.setdefault(code, record)
    return dict(sorted(found.items(), key=lambda item: NAMES.get(item[0], item[1]["name"])))


def countries() -> tuple[list[Row], list[Row]]:
    """Facts and layout."""
    records = source_countries()
    name = {code: NAMES.get(code, record["name"]) for code, record in records.items()}
    borders = {frozenset((a, b)) for a, record in records.items() for b in record.get("borders") or [] if b in records}
    borders.add(frozenset(("VAT", "ITA")))
    borders -= {frozenset(pair.split()) for pair in NO_BORDERS}
    facts: list[Row] = []
    where: dict[str, list[tuple[float, float]]] = {}
    seats: dict[str, Sequence[float]] = {}
    region_of: dict[str, str] = {}

    def at(entity: str, region: str, latitude: float, longitude: float) -> None:
        east = longitude + 360 if longitude < -169 else longitude  # a map that is cut in the Bering Strait
        where.setdefault(entity, []).append((east / 90, latitude / 90))
        region_of[entity] = region

    for code, record in records.items():
        capital, *place = CAPITALS.get(code, (record["capital"], *record["capital_latlng"]))
        if capital in name.values():
            capital = f"{capital} (city)"
        currency = CURRENCIES.get(code) or record["currencies"][0]
        subregion, region = SUBREGIONS.get(code, record["subregion"]), record["region"]
        facts += [
            (name[code], "capital", capital, "places"),
            (name[code], "subregion", subregion, "places"),
            (subregion, "region", region, "places"),
            (name[code], "region", region, "places"),
            (capital, "subregion", subregion, "places"),
            (capital, "region", region, "places"),
            (name[code], "currency", currency, "money"),
        ]
        seats[capital] = PLACES.get(code, place)
        at(capital, region, *seats[capital])
        for entity in (name[code], subregion, region, currency):
            at(entity, region, *record["latlng"])
    for code in records:
        facts += [
            (name[code], "borders", name[other], "neighbours")
            for other in records
            if frozenset((code, other)) in borders
        ]
    facts += [(a, "near", b, "neighbours") for a, b in near(seats)]
    home = {entity: (fmean(x for x, _ in all_), fmean(y for _, y in all_)) for entity, all_ in where.items()}
    layout: list[Row] = []
    for i, region in enumerate(REGIONS):
        members = sorted((entity for entity in home if region_of[entity] == region), key=lambda each: home[each])
        for rank, entity in enumerate(members):
            x, y = home[entity]
            layout.append(
                (entity, f"{x:.3f}", f"{y:.3f}", f"{(i + (rank + 0.5) / len(members)) / len(REGIONS):.4f}", region)
            )
    facts.sort(key=lambda fact: ("near", "borders").index(str(fact[1])) if fact[3] == "neighbours" else 2)
    return list(dict.fromkeys(facts)), layout


def near(seats: dict[str, Sequence[float]]) -> list[tuple[str, str]]:
    """Capitals of which one is among the `NEAREST` nearest of the other, both ways round; `seats` are latitudes and longitudes in degrees."""
    names = list(seats)
    latitude, longitude = np.radians(np.array(list(seats.values()))).T
    unit = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    nearest = np.argsort(-(unit.T @ unit), axis=1, kind="stable")[:, : NEAREST + 1]
    pairs = {(i, int(j)) for i, row in enumerate(nearest) for j in row if i != j}
    return [(names[i], names[j]) for i, j in sorted(pairs | {(j, i) for i, j in pairs})]


# --- elements -----------------------------------------------------------------------------------------------------------------

SPELLING = {"Aluminum": "Aluminium", "Cesium": "Caesium"}  # as the chemists' union (IUPAC) has it
BLOCKS = ("s", "f", "d", "p")  # from left to right in the table
BESIDE = 8
Place = tuple[float, float]  # column and row


def source_elements() -> list[dict[str, Any]]:
    """The source's records, by atomic number."""
    from mendeleev.fetch import fetch_table

    table = fetch_table("elements")[["atomic_number", "name", "group_id", "period", "block"]]
    return [record._asdict() for record in table.sort_values("atomic_number").itertuples(index=False)]


def elements() -> tuple[list[Row], list[Row]]:
    """Facts and layout."""
    records = source_elements()
    names = [SPELLING.get(record["name"], record["name"]) for record in records]
    places = [_place(record) for record in records]
    at = dict(zip(places, names, strict=True))
    facts: list[Row] = []
    for name, (x, y), record in zip(names, places, records, strict=True):
        for steps, right, below in ((1, "right", "below"), (2, "right2", "below2")):
            row = [at.get((x + i, y)) for i in range(1, steps + 1)]
            if all(row):
                facts.append((name, right, row[-1], "table"))
            under = [at.get((x, y + i)) for i in range(1, steps + 1)]
            if all(under):
                facts.append((name, below, under[-1], "table"))
        facts.append((name, "block", f"{record['block']} block", "blocks"))
    facts += [(names[i], "beside", names[j], "table") for i, j in beside(places)]
    layout: list[Row] = []
    of_block: dict[str, list[Place]] = {}
    for name, (x, y), record in zip(names, places, records, strict=True):
        block = f"{record['block']} block"
        color = (BLOCKS.index(record["block"]) + x / 19) / 4
        layout.append((name, f"{x / 9 - 1:.4f}", f"{(5 - y) / 9:.4f}", f"{color:.4f}", block))
        of_block.setdefault(block, []).append((x, y))
    for block, members in of_block.items():
        x = fmean(x for x, _ in members)
        layout.append((block, f"{x / 9 - 1:.4f}", f"{(5 - 11.5) / 9:.4f}", f"{x / 19:.4f}", block))
    facts.sort(key=lambda fact: ("right", "below", "right2", "below2", "beside", "block").index(str(fact[1])))
    return facts, layout


def _place(record: dict[str, Any]) -> Place:
    """Where an element stands. Cerium to lutetium and thorium to lawrencium have rows of their own below the table."""
    number, period, group = int(record["atomic_number"]), int(record["period"]), record["group_id"]
    if group is None or group != group:
        return 3.0 + number - (57 if period == 6 else 89), period + 2.5
    return float(group), float(period)


def beside(places: Sequence[Place]) -> list[tuple[int, int]]:
    """Pairs of which one is among the `BESIDE` nearest of the other, both ways round."""
    spot = np.array(places)
    apart = np.linalg.norm(spot[:, None] - spot, axis=2).round(4)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : BESIDE + 1]
    pairs = {(i, int(j)) for i, row in enumerate(nearest) for j in row if i != j}
    return sorted(pairs | {(j, i) for i, j in pairs})


# --- files --------------------------------------------------------------------------------------------------------------------

WORLDS = {"countries": countries, "elements": elements}


def text(header: Sequence[str], rows: Iterable[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def files(world: str) -> dict[Path, str]:
    """The files of a world and what they hold."""
    facts, layout = WORLDS[world]()
    return {FOLDER / f"{world}.csv": text(FACTS, facts), FOLDER / f"{world}-layout.csv": text(LAYOUT, layout)}


def main() -> None:
    names = sys.argv[1:]
    if not names or not set(names) <= set(WORLDS):
        raise SystemExit(f"usage: python -m scripts.world_data {' '.join(WORLDS)}")
    for name in names:
        for path, content in files(name).items():
            path.write_text(content, encoding="utf-8")
            print(f"{path.relative_to(REPOSITORY)}: {content.count(chr(10)) - 1} rows")


if __name__ == "__main__":
    main()
