"""Fictitious demands from a template grammar with a fixed seed. Every enterprise, person and number here is invented and marked 样例."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from stdnum.cn import uscc

from cli.sample.plans import IMPORTED, PART, PLANS

TRADES: Final = ("注塑", "压铸", "紧固件", "模具", "针织", "文具", "水暖阀门", "小家电", "轴承", "汽车内饰", "磁性材料", "食品机械")
PLACES: Final = ("甬江", "东海", "四明", "三江", "姚江", "月湖", "象湾", "天一")

# Title, description and category; None leaves the category to the router's rules.
Template = tuple[str, str, str | None]
TEMPLATES: Final[tuple[Template, ...]] = (
    (
        "{trade}车间数字化改造，想找技术服务机构",
        "车间有十二台设备，想上数据采集和排产系统（MES、ERP），请推荐服务机构并告知补助政策。",
        None,
    ),
    ("{trade}产品要做质量检测和体系认证", "客户要求 ISO 9001 认证和第三方检测报告，想了解检验检测机构、费用和周期。", None),
    ("想参加{trade}行业展会，开拓外贸市场", "希望组团参加展览展销和产品推介，了解展位补贴和境外营销渠道。", None),
    ("{trade}企业需要员工技能培训", "新招了三十名操作工，需要岗前培训、安全生产培训和班组长培训课程。", "training"),
    ("想申报高新技术企业，咨询知识产权布局", "有三项新工艺，想申请专利并对接高校院所做产学研合作和新产品研发。", None),
    ("财务和成本管理不规范，想请专家诊断", "想请管理咨询机构做一次发展战略、财务管理和绩效考核诊断。", "management"),
    ("创业不满一年，想要创业辅导", "刚注册的{trade}小微企业，需要工商代理、商业计划书、创业培训和创业场地方面的辅导。", None),
    ("想了解最近的惠企政策和申报条件", "请提供{trade}行业技改补贴、贷款贴息等政策信息、法律法规和申报时间。", "information"),
)
UNCLEAR: Final[Template] = ("有个事情想问一下", "不知道该找谁，想请人打个电话说明一下情况。", None)
"""Goes to the city hub, which can neither pass it up nor be escalated: only for plans that it can play."""
FOR_HUBS: Final = frozenset({"smooth", "reclassified"})


def bodies(places: list[tuple[str, str | None]], seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (plan, demand body) without end, plan after plan; `places` are (region, carrier) pairs of the network.

    The plan `repeated` asks what `twin` asked, in other words, as the same enterprise.
    """
    chance = random.Random(seed)  # noqa: S311 sample data
    twin: dict[str, Any] = {}
    while True:
        for plan in (plan for plan in PLANS if plan not in (PART, IMPORTED)):
            body = _body(chance, places, (*TEMPLATES, UNCLEAR) if plan in FOR_HUBS else TEMPLATES)
            if plan == "twin":
                twin = body
            if plan == "repeated":
                body = {**twin, "channel": "phone", "title": "再次咨询：" + twin["title"]}
            yield plan, body


def former_system(places: list[tuple[str, str | None]], seed: int, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Return (plan, row) of a small batch from a former system: an open case with its history, already late, and a new demand."""
    chance = random.Random(seed)  # noqa: S311 sample data
    taken, step = now - timedelta(minutes=3), timedelta(minutes=1)
    history = [
        {"at": _stated(taken), "step": "submitted"},
        {"at": _stated(taken + step), "step": "assigned", "node": "yz-02"},
        {"at": _stated(taken + 2 * step), "step": "accepted", "node": "yz-02", "note": "样例说明：已电话联系企业。"},
    ]
    case = {**_body(chance, places), "received_at": _stated(taken), "former_status": "办理中", "history": history}
    return [(IMPORTED, case), ("smooth", _body(chance, places))]


def _stated(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _body(chance: random.Random, places: list[tuple[str, str | None]], templates: Sequence[Template] = TEMPLATES) -> dict[str, Any]:
    trade, name = chance.choice(TRADES), chance.choice(PLACES)
    title, description, category = chance.choice(templates)
    region, carrier = chance.choice(places)
    stem = "91330200MA" + "".join(chance.choice("23456789ABCDEFGH") for _ in range(7))
    body: dict[str, Any] = {
        "channel": chance.choice(("web", "wechat", "phone", "counter", "partner")),
        "title": title.format(trade=trade),
        "description": "样例诉求：" + description.format(trade=trade),
        "region": region,
        "urgency": chance.choices(("normal", "urgent", "critical"), (80, 17, 3))[0],
        "sample": True,
        "requester": {
            "name": f"样例{name}{trade}有限公司",
            "uscc": stem + uscc.calc_check_digit(stem),
            "contact": {"name": "样例联系人", "phone": "0574-00000000"},
        },
    }
    if carrier is not None:
        body["carrier"] = carrier
    if category is not None:
        body["category"] = category
    return body
