"""Every word of the console, Chinese first and in English, in one place (codes: `codewords.py`).

A text may hold `{named}` places; what is put there is escaped. An unknown code is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from services.tracker.console.codewords import CODES
from services.tracker.console.times import Lang

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "brand": ("联动", "Liandong"),
    "brand_line": ("一点提问，全网联动", "Ask once, the whole network moves"),
    "skip": ("跳到正文", "Skip to content"),
    "nav": ("主菜单", "Main menu"),
    "nav_demands": ("诉求", "Demands"),
    "search": ("搜诉求号、企业、标题", "Search number, enterprise, title"),
    "search_label": ("搜索诉求", "Search demands"),
    "other_language": ("English", "中文"),
    "leave": ("退出", "Leave"),
    "you": ("您的身份", "You are"),
    "link_lost": (
        "与系统的连接中断了，正在重新连接。页面上是中断前的内容。",
        "The connection was lost and is being restored. The page shows what was known before.",
    ),
    "link_back": ("连接已恢复，内容是最新的。", "The connection is back; the page is up to date."),
    "foot": ("时间均为北京时间。样例企业与诉求均为虚构。", "All times are Beijing time. Sample enterprises and demands are fictitious."),
    "printed": ("打印于 {at}", "Printed {at}"),
    "sample": ("样例", "sample"),
    "sample_hint": ("虚构的示范数据", "fictitious demonstration data"),
    # entrance
    "enter_title": ("进入联动", "Enter Liandong"),
    "enter_lead": (
        "请输入发给您的密钥。进入一次，12 小时内不用再输。",
        "Please enter the key issued to you. One entry lasts 12 hours.",
    ),
    "enter_key": ("密钥", "Key"),
    "enter_go": ("进入", "Enter"),
    "enter_keep": (
        "一把密钥只属于一个人或一个系统，请不要转借。用完请点右上角“退出”。",
        "A key belongs to one person or system; please do not lend it. Choose “Leave” at the top right when done.",
    ),
    "enter_wrong": ("这把密钥不能进入", "This key does not open the console"),
    "enter_wrong_help": (
        "可能多了空格、少了几位，或者密钥已经吊销、过期。请核对后再输一次；仍然不行，请联系给您发密钥的单位。",
        "It may have a stray blank, miss characters, be revoked or expired. Please check and try again, or ask whoever issued it.",
    ),
    "enter_over": ("请重新进入", "Please enter again"),
    "enter_over_help": (
        "您的进入已到期，或者密钥已经吊销。",
        "Your entry has expired, or the key was revoked.",
    ),
    # list
    "list_title": ("诉求", "Demands"),
    "list_lead_node": ("{node}能看到的诉求，最新的在前。", "Demands visible to {node}, newest first."),
    "list_lead": ("您能看到的诉求，最新的在前。", "Demands visible to you, newest first."),
    "list_found": ("搜索“{text}”的结果。", "Results for “{text}”."),
    "list_keys": (
        "键盘：/ 搜索，j 下一件，k 上一件，回车打开",
        "Keyboard: / search, j next, k previous, Enter opens",
    ),
    "all": ("全部", "All"),
    "filter_status": ("按状态", "By status"),
    "filter_category": ("服务类别", "Category"),
    "filter_every_category": ("全部类别", "All categories"),
    "filter_ours": ("只看本单位手里的", "Only those with us"),
    "filter_go": ("筛选", "Filter"),
    "filter_clear": ("清除条件", "Clear"),
    "ours": ("轮到您的", "Your turn"),
    "ours_rest": ("其他诉求", "Other demands"),
    "older": ("更早的诉求", "Older demands"),
    "newest": ("回到最新", "Back to the newest"),
    "untitled": ("（标题已加密，您的身份不能查看）", "(title is encrypted; your role may not read it)"),
    "asked_at": ("{at} 提出", "asked {at}"),
    "line_submitted": ("分办中，已 {d}", "finding a node, {d}"),
    "line_triage": ("分办中，已 {d}", "finding a node, {d}"),
    "line_assigned": ("等签收，已 {d}", "to be accepted, {d}"),
    "line_in_progress": ("在手 {d}", "in hand, {d}"),
    "line_resolved": ("{at} 办结", "resolved {at}"),
    "line_withdrawn": ("{at} 撤回", "withdrawn {at}"),
    "empty_title": ("还没有诉求", "No demands yet"),
    "empty_help": (
        "企业经任一窗口、热线或合作平台提出后，会立刻出现在这里，不用刷新。",
        "As soon as an enterprise asks through any window, hotline or partner platform, it appears here by itself.",
    ),
    "nothing_title": ("没有符合条件的诉求", "No demand matches"),
    "nothing_help": (
        "换一个词，或者清除条件再看。诉求号要输完整。",
        "Try another word, or clear the conditions. Demand numbers must be complete.",
    ),
    # one demand
    "back": ("全部诉求", "All demands"),
    "turn_submitted": ("{node}正在分办，已等 {d}", "{node} is finding the right node; waiting for {d}"),
    "turn_triage": ("{node}正在分办，已 {d}", "{node} is finding the right node; {d} so far"),
    "turn_assigned": ("轮到{node}签收，已等 {d}", "{node} is to accept it; waiting for {d}"),
    "turn_in_progress": ("{node}正在办理，已 {d}", "{node} is working on it; {d} so far"),
    "turn_resolved": ("{node}已办结：{result}", "{node} resolved it: {result}"),
    "turn_withdrawn": ("企业已撤回，无需再办", "The enterprise withdrew it; nothing left to do"),
    "turn_other": ("现在在{node}", "Now with {node}"),
    "age": ("提出至今", "Since asked"),
    "age_done": ("全程用时", "From asked to done"),
    "age_note": ("连续计时，含夜间与周末", "counted through nights and weekends"),
    "handed": ("派单", "Assignments"),
    "handed_times": ("{n} 次", "{n}"),
    "handed_returned": ("其中退回 {n} 次", "{n} returned"),
    "handed_straight": ("没有退回", "none returned"),
    "handed_none": ("还没有派出", "not assigned yet"),
    "held_title": ("谁手里，多久", "In whose hands, how long"),
    "held_sentence": ("{n} 段持有：{parts}。", "{n} stretches: {parts}."),
    "between_parts": ("；", "; "),
    "held_part": ("{node} {d}{how}", "{node} {d}{how}"),
    "held_bar": ("{node}：{start} 起 {d}{how}", "{node}: {d} from {start}{how}"),
    "how_assigned": ("后派出", ", then assigned onwards"),
    "how_returned": ("后退回", ", then returned"),
    "how_recalled": ("后被收回", ", then recalled"),
    "how_resolved": ("后办结", ", then resolved"),
    "how_withdrawn": ("后企业撤回", ", then withdrawn by the enterprise"),
    "how_open": ("，至今", " until now"),
    "lane_assigned": ("分办后派出", "assigned onwards"),
    "lane_returned": ("退回：{reason}", "returned: {reason}"),
    "lane_recalled": ("收回", "recalled"),
    "lane_resolved": ("办结", "resolved"),
    "lane_withdrawn": ("企业撤回", "withdrawn"),
    "lane_desk": ("正在分办", "finding a node"),
    "lane_waiting": ("等签收", "to be accepted"),
    "lane_open": ("正在办理", "working on it"),
    "legend_desk": ("分办", "finding a node"),
    "legend_waiting": ("等签收", "waiting to be accepted"),
    "legend_hand": ("办理", "in hand"),
    "legend_returned": ("退回", "returned"),
    "legend_done": ("办结", "resolved"),
    "legend_weekend": ("周末", "weekend"),
    "now": ("现在", "now"),
    "trail_title": ("全程", "The whole trail"),
    "trail_lead": ("共 {n} 步，最新的在前", "{n} steps, newest first"),
    "took_assign": ("提出后 {d}", "{d} after it was asked"),
    "took_again": ("退回后 {d}", "{d} after the return"),
    "took_accept": ("派出后 {d} 签收", "accepted {d} after assignment"),
    "took_return": ("派出后 {d} 退回", "returned {d} after assignment"),
    "took_resolve": ("签收后 {d} 办结", "resolved {d} after acceptance"),
    "by_rule": ("按派单规则第 {policy} 版自动派出", "assigned by routing rules, version {policy}"),
    "by_system": ("系统自动", "automatic"),
    "clause": ("依据 {clause}", "under {clause}"),
    "channel_line": ("经{channel}提出", "through {channel}"),
    "channel_ref": ("原号 {ref}", "their number {ref}"),
    "step_unread": ("这一步现在读不出来，原文已原样存档。", "This step cannot be read just now; its bytes are archived as they came."),
    "said_erased": ("正文已加密保存，现在打不开。", "The text is kept encrypted and cannot be opened."),
    "said_hidden": ("正文已加密保存，您的身份不能查看。", "The text is kept encrypted; your role may not read it."),
    "proof": ("凭据", "Record"),
    "proof_step": ("第 {n} 步", "Step {n}"),
    "proof_hash": ("摘要", "Digest"),
    "proof_prev": ("接在", "Follows"),
    "proof_first": ("这是第一步", "this is the first step"),
    "proof_full": ("完整时间", "Full time"),
    # why
    "why": ("为什么是{node}？比较了 {n} 个节点", "Why {node}? {n} nodes were compared"),
    "why_one": ("为什么是{node}？", "Why {node}?"),
    "why_node": ("节点", "Node"),
    "why_score": ("得分", "Score"),
    "why_reasons": ("依据", "Reasons"),
    "why_chosen": ("选中", "chosen"),
    "why_unscored": ("不计分", "not scored"),
    "why_rest": ("另有 {n} 个节点没有进入比较：", "Another {n} nodes were not compared: "),
    "why_more": ("其余 {n} 个候选节点", "{n} more candidates"),
    "why_inputs": ("比较时看的情况：", "Compared on: "),
    "why_basis": ("依据：派单规则第 {policy} 版，节点名录第 {seq} 号记录", "Basis: routing rules version {policy}, directory record {seq}"),
    "why_any": ("查任一节点为什么没选", "Ask why any other node was not chosen"),
    "why_any_help": (
        "用您的密钥向派单接口查询，把 node= 后面换成要查的节点号：",
        "Ask the routing interface with your key; put the node's id after node=:",
    ),
    "why_class": ("类别由规则判定：{category} {score} 分", "Category found by rule: {category}, {score} points"),
    "why_class_second": ("次高{category} {score} 分", "next {category}, {score}"),
    "why_class_terms": ("用到 {n} 个词条", "{n} terms matched"),
    "meter": ("{n} 分，满分 100", "{n} of 100"),
    # facts
    "who_title": ("现在在谁手里", "Now in whose hands"),
    "node_above": ("上级：{node}", "under {node}"),
    "facts_title": ("情况", "The facts"),
    "fact_enterprise": ("企业", "Enterprise"),
    "fact_place": ("地区", "Place"),
    "fact_carrier": ("园区", "Park or zone"),
    "fact_industry": ("行业", "Industry"),
    "fact_category": ("类别", "Category"),
    "fact_urgency": ("缓急", "Urgency"),
    "fact_channel": ("来源", "Channel"),
    "fact_ref": ("对方原号", "Their number"),
    "fact_submitted": ("提出", "Asked"),
    "fact_updated": ("最近变动", "Last change"),
    "no_category": ("待判定", "not yet found"),
    "hidden": ("您的身份不能查看", "not visible to your role"),
    "contact": ("查看联系方式", "Show contact"),
    "contact_note": ("只用于办理这件诉求", "only for handling this demand"),
    "description_title": ("企业的话", "In the enterprise's words"),
    "chain_title": ("记录", "The record"),
    "chain_line": (
        "{n} 步依次相接，每一步都带着上一步的摘要，改动任何一步都会被发现。",
        "{n} steps, each carrying the digest of the one before: any alteration shows.",
    ),
    "chain_head": ("最新摘要", "Latest digest"),
    # problems
    "problem_demand_not_found": ("找不到这件诉求", "There is no such demand"),
    "problem_demand_not_found_help": (
        "它不存在，或者不在您可以查看的范围内。请核对诉求号。",
        "It does not exist, or lies outside what you may see. Please check the number.",
    ),
    "problem_not_found": ("没有这个页面", "There is no such page"),
    "problem_not_found_help": ("地址可能抄错了。请从诉求列表进入。", "The address may be mistyped. Please start from the list."),
    "problem_unavailable": ("系统暂时取不到数据", "The data cannot be read just now"),
    "problem_unavailable_help": (
        "已经提交的内容都在，不会丢。请过一会儿刷新；持续不好请把下面的追踪号告诉运行人员。",
        "Nothing that was submitted is lost. Please reload in a moment; if it lasts, tell operations the trace id below.",
    ),
    "problem_refused": ("这一步没有做成", "That did not work"),
    "problem_refused_help": ("请返回后重试。", "Please go back and try again."),
    "problem_bad_cursor": ("这一页的位置已经失效", "This place in the list is no longer valid"),
    "problem_bad_cursor_help": ("请回到最新一页重新翻看。", "Please go back to the newest page."),
    "problem_forbidden": ("您的身份不看诉求", "Your role does not look at demands"),
    "problem_forbidden_help": (
        "管理员的密钥只用于管理，看不到任何诉求。请换用经办或协调员的密钥。",
        "Administrators’ keys are for administration only. Please enter with a clerk’s or coordinator’s key.",
    ),
    "problem_foreign_origin": ("这个请求不是从本页面发出的", "This request did not come from this page"),
    "problem_foreign_origin_help": (
        "为了安全没有执行。请从控制台页面再操作一次。",
        "For safety it was not done. Please repeat it from the console.",
    ),
    "problem_code": ("代码", "Code"),
    "problem_trace": ("追踪号", "Trace id"),
    "problem_back": ("回到诉求列表", "Back to the list"),
}


@dataclass(frozen=True, slots=True)
class Say:
    """The console's voice in one language."""

    lang: Lang

    def text(self, key: str, **places: object) -> Markup:
        """Return a text with its places filled; what is filled in is escaped unless it is markup already."""
        return Markup(self._pick(TEXTS[key])).format(**places)  # noqa: S704 - TEXTS holds only our own words

    def code(self, kind: str, code: str) -> str:
        """Put a code into words; an unknown one stays as it is."""
        found = CODES.get(kind, {}).get(code)
        return code if found is None else self._pick(found)

    def _pick(self, pair: tuple[str, str]) -> str:
        return pair[0] if self.lang == "zh" else pair[1]
