"""Write a network's `nodes.csv` from its regions and carriers: `python networks/generate.py ningbo`.

Public facts (the hub, the hubs of the ten county-level units) are real. Everything else is drawn from a fixed seed, plainly
fictitious, and marked sample, because the lists attached to the notices are not public here (requirements N8). The size is
that of the regulations (requirements A2, A9-A15). The same inputs give the same file, byte for byte.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

SEED = 8718
HUBS_SINCE = "2018-09-11"  # the final texts after the 2018 drafts, requirements N7
WINDOWS_SINCE = "2020-10-01"  # certified after the trial of 2020, Ningbo window notice 2020 §4(4)

CATEGORIES = {
    "information": ("政策信息", "policy information"),
    "technology": ("技术创新", "technology"),
    "training": ("人才培训", "training"),
    "market": ("市场拓展", "market"),
    "management": ("管理咨询", "management"),
    "quality": ("检验检测", "testing"),
    "startup": ("创业辅导", "start-up"),
    "digital": ("数字化", "digital"),
}
COUNTIES = {
    "330203": "haishu",
    "330205": "jiangbei",
    "330206": "beilun",
    "330211": "zhenhai",
    "330212": "yinzhou",
    "330213": "fenghua",
    "330225": "xiangshan",
    "330226": "ninghai",
    "330281": "yuyao",
    "330282": "cixi",
}
# Zone, county it lies in, townships it governs as a whole; the other two lie in townships governed by the county.
ZONES = {
    "qianwan": ("330282", ("330282006", "330282118")),
    "bonded": ("330206", ()),
    "daxie": ("330206", ("330206007",)),
    "hitech": ("330212", ("330212007", "330212016", "330212017")),
    "dongqianhu": ("330212", ("330212123",)),
    "meishan": ("330206", ("330206008",)),
    "petrochem": ("330211", ()),
}
# Township windows per county: at least the 29 industrial strong towns must be reached (requirements A11); the split is ours.
TOWNSHIP_QUOTA = {
    "330203": 4,
    "330205": 3,
    "330206": 5,
    "330211": 4,
    "330212": 7,
    "330213": 4,
    "330225": 4,
    "330226": 4,
    "330281": 6,
    "330282": 6,
}
# The industries of the "246" clusters the key-industry windows serve (requirements A13).
INDUSTRIES = {
    "petrochemicals": ("绿色石化", ("C25", "C26")),
    "cars": ("汽车", ("C36",)),
    "equipment": ("高端装备", ("C35", "C37")),
    "materials": ("新材料", ("C28", "C30", "C32")),
    "electronics": ("电子信息", ("C39",)),
    "software": ("软件与新兴服务", ("I64", "I65")),
    "components": ("关键基础件", ("C33", "C34")),
    "appliances": ("智能家电", ("C38",)),
    "textiles": ("时尚纺织服装", ("C17", "C18")),
    "biomedicine": ("生物医药", ("C27",)),
    "stationery": ("文体用品", ("C24",)),
    "environment": ("节能环保", ("C42", "N77")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `nodes.csv`."""

    id: str
    kind: str
    title_zh: str
    title_en: str
    parent: str
    regions: str = ""
    carriers: str = ""
    industries: str = ""
    categories: str = ""
    capacity: int = 0
    fee: str = "welfare"
    in_force_from: str = WINDOWS_SINCE
    in_force_to: str = ""
    status: str = "active"
    sample: str = "true"
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """How many nodes of the open-ended kinds to draw; windows and hubs follow from regions and carriers."""

    specialists: int = 36
    organisations: int = 900


Table = list[dict[str, str]]


def generate(regions: Table, carriers: Table, size: Size = Size()) -> list[Row]:
    """Return all nodes; parents come before their children."""
    rng = random.Random(SEED)  # noqa: S311 - reproducible samples, not secrets
    names = {region["code"]: region["title"] for region in regions}
    rows = [*_hubs(names, carriers), *_windows(rng, names, carriers)]
    rows += _specialists(rng, names, size.specialists)
    rows += _organisations(rng, rows, size.organisations)
    return rows


def _hubs(names: dict[str, str], carriers: Table) -> Iterator[Row]:
    yield Row(
        id="nb-hub",
        kind="city_hub",
        title_zh="宁波市8718中小企业公共服务平台",
        title_en="Ningbo 8718 public service platform for SMEs",
        parent="",
        regions="330200",
        categories="information",
        capacity=500,
        in_force_from=HUBS_SINCE,
        sample="false",
    )
    offered = "information;training;market;startup"
    for code, slug in COUNTIES.items():
        title = f"{names[code]}中小企业公共服务枢纽平台"
        english = f"County hub of {slug.capitalize()}"
        yield Row(
            f"nb-{slug}", "county_hub", title, english, "nb-hub", code, "", "", offered, 160, in_force_from=HUBS_SINCE, sample="false"
        )
    zones = {carrier["id"]: carrier["title_zh"] for carrier in carriers}
    for zone, (_, towns) in ZONES.items():
        title = f"样例{zones[zone]}枢纽平台"
        english = f"Sample hub of zone {zone}"
        yield Row(f"nb-{zone}", "county_hub", title, english, "nb-hub", ";".join(towns), zone, "", offered, 120, in_force_from=HUBS_SINCE)


def _windows(rng: random.Random, names: dict[str, str], carriers: Table) -> Iterator[Row]:
    for carrier in carriers:
        if carrier["kind"] == "zone":
            zone = carrier["id"]
            towns = ";".join(ZONES[zone][1])
            title = f"样例{carrier['title_zh']}窗口平台"
            english = f"Sample window of zone {zone}"
            yield Row(f"nb-w-{zone}", "window_zone", title, english, f"nb-{zone}", towns, zone, "", ";".join(CATEGORIES), 60)
    governed = {town: zone for zone, (_, towns) in ZONES.items() for town in towns}
    for county, quota in TOWNSHIP_QUOTA.items():
        towns_here = [code for code in names if len(code) == 9 and code.startswith(county)]
        for town in sorted(rng.sample(towns_here, quota)):
            parent = f"nb-{governed.get(town, COUNTIES[county])}"
            title = f"样例{names[town]}窗口平台"
            yield Row(
                f"nb-w-{town}",
                "window_township",
                title,
                f"Sample township window {town}",
                parent,
                town,
                categories=_comprehensive(rng, 4, 6),
                capacity=rng.randrange(24, 61, 4),
            )
    for carrier in carriers:
        if carrier["kind"] == "zone":
            continue
        town = carrier["regions"].split(";")[0]
        yield Row(
            f"nb-w-{carrier['id']}",
            "window_park",
            f"{carrier['title_zh']}窗口平台",
            f"Sample window of {carrier['id']}",
            f"nb-{COUNTIES[town[:6]]}",
            carriers=carrier["id"],
            categories=_comprehensive(rng, 3, 5),
            capacity=rng.randrange(16, 41, 4),
            operator=f"sample-operator-{COUNTIES[town[:6]]}",
        )
    for slug, (title, codes) in INDUSTRIES.items():
        yield Row(
            f"nb-i-{slug}",
            "window_industry",
            f"样例{title}行业窗口平台",
            f"Sample key-industry window: {slug}",
            "nb-hub",
            industries=";".join(codes),
            categories=_comprehensive(rng, 3, 5),
            capacity=rng.randrange(20, 49, 4),
        )


def _specialists(rng: random.Random, names: dict[str, str], count: int) -> Iterator[Row]:
    codes = list(CATEGORIES)
    industries = list(INDUSTRIES.values())
    counties = list(COUNTIES)
    for number in range(count):
        depth = [codes[number % len(codes)]]
        if rng.random() < 0.4:
            depth.append(rng.choice([code for code in codes if code != depth[0]]))
        place, parent, where = {"regions": "330200"}, "nb-hub", ""
        if number % 6 == 4:
            county = counties[number // 6 % len(counties)]
            place, parent, where = {"regions": county}, f"nb-{COUNTIES[county]}", names[county]
        elif number % 6 == 5:
            title, served = industries[number // 6 % len(industries)]
            place, where = {"industries": ";".join(served)}, title
        name_zh, name_en = CATEGORIES[depth[0]]
        # Two of them show what the predicates `active` and `in_force` are for.
        ended = {"status": "suspended"} if number == 20 else {"status": "closed", "in_force_to": "2024-12-31"} if number == 28 else {}
        yield Row(
            f"nb-s-{number + 1:03d}",
            "specialist",
            f"样例{where}{name_zh}专业平台{number + 1:03d}",
            f"Sample {name_en} specialist {number + 1:03d}",
            parent,
            categories=";".join(depth),
            capacity=rng.randrange(12, 41, 4),
            fee=rng.choice(["low_fee", "low_fee", "market"]),
            **place,
            **ended,
        )


def _organisations(rng: random.Random, rows: list[Row], count: int) -> Iterator[Row]:
    hubs = [row for row in rows if row.kind == "county_hub"]
    windows = [row for row in rows if row.kind.startswith("window_")]
    specialists = [row for row in rows if row.kind == "specialist" and row.status == "active"]
    codes = list(CATEGORIES)
    for number in range(1, count + 1):
        group: Callable[[], Row] = rng.choices(
            [lambda: rng.choice(windows), lambda: rng.choice(specialists), lambda: rng.choice(hubs)], [6, 2, 2]
        )[0]
        parent = group()
        offered = sorted(rng.sample(codes, rng.choice([1, 1, 2])), key=codes.index)
        name_zh, name_en = CATEGORIES[offered[0]]
        yield Row(
            f"nb-o-{number:04d}",
            "organisation",
            f"样例{name_zh}服务机构{number:04d}",
            f"Sample {name_en} organisation {number:04d}",
            parent.id,
            parent.regions,
            parent.carriers,
            parent.industries,
            ";".join(offered),
            rng.randrange(4, 21, 2),
            rng.choice(["market", "market", "market", "low_fee", "welfare"]),
        )


def _comprehensive(rng: random.Random, least: int, most: int) -> str:
    """Draw several categories; every window interprets policies (Ningbo window notice 2020 §2(4))."""
    others = [code for code in CATEGORIES if code != "information"]
    drawn = {"information", *rng.sample(others, rng.randint(least, most) - 1)}
    return ";".join(code for code in CATEGORIES if code in drawn)


HEADER = f"""\
# Generated by `python networks/generate.py ningbo` with seed {SEED}; change the generator, not this file.
# sample=false: public facts (the 8718 hub, hubs of the ten county-level units: requirements A2-A4); capacities and categories are assumed.
# sample=true: fictitious. Sizes follow requirements A2 and A9-A15; the attached lists of the notices are not public here (requirements N8).
"""


def render(rows: list[Row]) -> str:
    """Return the text of `nodes.csv`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [column.name for column in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return HEADER + out.getvalue()


def read_table(path: Path) -> Table:
    """Read a CSV table, leaving out comment lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def main(arguments: list[str]) -> int:
    """Write `networks/<name>/nodes.csv`."""
    if arguments != ["ningbo"]:
        sys.stderr.write("usage: python networks/generate.py ningbo\n")
        return 2
    folder = Path(__file__).resolve().parent / "ningbo"
    rows = generate(read_table(folder / "regions.csv"), read_table(folder / "carriers.csv"))
    (folder / "nodes.csv").write_text(render(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
