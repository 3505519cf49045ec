"""Duplicates are suggested for what is asked again in other words, not for what only sounds alike. All texts are fictitious."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.likeness import DuplicateSubject, Suggestion, Texts, likeness, suggest

MINIMUM = 50
# What an enterprise wrote, and what a clerk wrote down when it telephoned about the same.
AGAIN = [
    (
        ("想了解今年的技改补贴政策", "我们是样例五金厂，听说区里出了新的扶持资金，不知道申报条件和截止时间，请给一份申报指南。"),
        ("咨询技改补贴", "企业来电咨询今年技改补贴的申报条件、截止时间，希望有一份申报指南。"),
    ),
    (
        ("ISO9001体系认证", "想做ISO9001质量管理体系认证，需要辅导和费用说明。"),
        ("体系认证咨询", "企业想做ＩＳＯ９００１质量管理體系認證，问辅导费用。"),
    ),
    (
        ("想参加广交会", "生产小家电，想去广交会参展，展位怎么申请？也想认识海外客户。"),
        ("广交会展位", "小家电企业，电话询问今年广交会参展展位怎么申请。"),
    ),
    (
        ("车间数字化改造，想找技术服务机构", "车间有十二台设备，想上数据采集和排产系统（MES、ERP），请推荐服务机构并告知补助政策。"),
        ("设备上MES系统", "十二台设备想做数据采集、排产，上MES、ERP系统，请推荐数字化服务机构，有没有补助。"),
    ),
    (
        ("焊工证和特种作业证培训", "新进八名焊工，需要考焊工证、特种作业证，哪里有培训班？"),
        ("焊工培训", "有八名新焊工要考特种作业证和焊工证，问培训班什么时候开。"),
    ),
    (
        ("客户拖欠账款怎么办", "有一笔合同纠纷，对方拖欠账款半年，希望得到法律咨询。"),
        ("账款纠纷法律咨询", "客户拖欠账款已有半年，合同有纠纷，请安排法律咨询。"),
    ),
    (
        ("零件要做盐雾试验", "客户要求提供盐雾试验和成分分析的检测报告，找第三方检测机构。"),
        ("盐雾试验检测", "零件需盐雾试验、成分分析，客户要检测报告，问第三方检测机构在哪里。"),
    ),
    (
        ("招不到数控操作工", "年后缺工严重，想参加招聘会，也想委托培训一批技术工人。"),
        ("企业缺工", "来电：数控操作工招不到，缺工严重，想参加招聘会，能不能委托培训技术工人。"),
    ),
    (
        ("想申报高新技术企业，咨询知识产权布局", "有三项新工艺，想申请专利并对接高校院所做产学研合作和新产品研发。"),
        ("高新技术企业申报", "三项新工艺要申请专利，另外想申报高新技术企业，请介绍知识产权怎么布局、哪些高校院所可以产学研合作。"),
    ),
]
# What one enterprise may well ask one after the other, in one category.
DIFFERENT = [
    (
        ("想了解今年的技改补贴政策", "我们是样例五金厂，听说区里出了新的扶持资金，不知道申报条件和截止时间，请给一份申报指南。"),
        ("稳岗补贴怎么申报", "公司有一百二十名员工，全年没有裁员，想咨询稳岗补贴的申报流程和需要的材料。"),
    ),
    (
        ("想了解今年的技改补贴政策", "我们是样例五金厂，听说区里出了新的扶持资金，不知道申报条件和截止时间，请给一份申报指南。"),
        ("想了解今年的人才补贴政策", "我们是样例五金厂，想引进两名硕士，不知道住房补贴和安家费怎么领。"),
    ),
    (
        ("零件要做盐雾试验", "客户要求提供盐雾试验和成分分析的检测报告，找第三方检测机构。"),
        ("塑料件要做老化试验", "客户要求提供耐候老化试验的检测报告，找有资质的检测机构。"),
    ),
    (
        ("ISO9001体系认证", "想做ISO9001质量管理体系认证，需要辅导和费用说明。"),
        ("ISO14001体系认证", "想做ISO14001环境管理体系认证，需要辅导机构名单。"),
    ),
    (
        ("焊工证和特种作业证培训", "新进八名焊工，需要考焊工证、特种作业证，哪里有培训班？"),
        ("电工证培训", "有三名电工，高压电工证到期需要复审，哪里有复审培训班？"),
    ),
    (
        ("想参加广交会", "生产小家电，想去广交会参展，展位怎么申请？也想认识海外客户。"),
        ("想参加消博会", "生产小家电，想去消博会看看，有没有组团和展位补贴？"),
    ),
    (
        ("车间班组长培训", "想给十五名班组长安排管理培训课程，最好讲师到厂里做内训。"),
        ("新员工岗前安全培训", "近期招了三十人，需要岗前培训和安全培训，请安排讲座。"),
    ),
    (
        ("客户拖欠账款怎么办", "有一笔合同纠纷，对方拖欠账款半年，希望得到法律咨询。"),
        ("劳动合同法规咨询", "有员工提出劳动纠纷，想找懂法律法规的人问问，能否提供法律咨询。"),
    ),
]
Said = tuple[str, str]
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = Texts("零件要做盐雾试验", "客户要求提供盐雾试验和成分分析的检测报告，找第三方检测机构。")
texts = st.builds(
    Texts,
    title=st.sampled_from(["", "咨询", "ISO9001认证", "盐雾试验", "技改补贴 2026"]) | st.text(max_size=12),
    description=st.text(alphabet="盐雾试验检测报告补贴ABab12，。 ", max_size=40) | st.text(max_size=20),
)


def demand(name: str = "new", minutes: int = 0, said: Texts = LONG, **more: str | None) -> DuplicateSubject:
    plain = DuplicateSubject(name, AT + timedelta(minutes=minutes), "ent-one", "quality", "partner-one", said)
    return replace(plain, **more)  # type: ignore[arg-type]


def names(suggestions: tuple[Suggestion, ...]) -> list[str]:
    return [suggestion.demand for suggestion in suggestions]


class TestLikeness:
    @pytest.mark.parametrize(("written", "told"), AGAIN)
    def test_what_is_asked_again_in_other_words_is_alike(self, written: Said, told: Said) -> None:
        assert likeness(Texts(*written), Texts(*told)) >= MINIMUM

    @pytest.mark.parametrize(("one", "other"), DIFFERENT)
    def test_what_only_sounds_alike_is_not(self, one: Said, other: Said) -> None:
        assert likeness(Texts(*one), Texts(*other)) < MINIMUM - 15

    def test_between_the_two_lies_a_gap_that_multisets_of_bigrams_do_not_have(self) -> None:
        def multiset(one: Said, other: Said) -> float:
            a, b = (Counter(text[at : at + 2] for text in said for at in range(len(text) - 1)) for said in (one, other))
            return (a & b).total() / (a | b).total()

        assert min(multiset(*pair) for pair in AGAIN) < max(multiset(*pair) for pair in DIFFERENT)
        assert min(likeness(Texts(*a), Texts(*b)) for a, b in AGAIN) > 15 + max(likeness(Texts(*a), Texts(*b)) for a, b in DIFFERENT)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("咨询", "你好，想咨询一下"), ("咨询", "请问怎么办理")),
            (("咨询", "咨询政策"), ("咨询", "咨询展会")),
            (("培训", "培训"), ("培训", "找人培训")),
            (("补贴", ""), ("补贴", "设备")),
            (("", ""), ("", "。")),
            (("A", "1"), ("A", "2")),
        ],
    )
    def test_texts_of_a_few_words_are_not_alike(self, one: Said, other: Said) -> None:
        assert likeness(Texts(*one), Texts(*other)) < MINIMUM - 15

    def test_case_width_punctuation_and_traditional_characters_make_no_difference(self) -> None:
        plain = Texts("iso9001质量体系认证", "需要检测报告,费用多少")
        assert likeness(plain, Texts("ＩＳＯ９００１質量體系認證！", "需要 檢測報告，费用多少。")) == 100

    def test_numbers_tell_standards_apart(self) -> None:
        def said(number: str) -> Texts:
            return Texts(f"GB{number}检测", f"产品按 GB{number} 做检测，出具报告。")

        assert likeness(said("4706"), said("9706")) < MINIMUM < likeness(said("4706"), said("4706"))

    @given(texts, texts)
    def test_likeness_is_symmetric_and_a_percentage(self, a: Texts, b: Texts) -> None:
        assert 0 <= likeness(a, b) == likeness(b, a) <= 100

    @given(texts)
    def test_a_text_is_all_like_itself(self, said: Texts) -> None:
        assert likeness(said, said) == 100

    @given(st.text(alphabet="甲乙丙丁戊", min_size=12), st.text(alphabet="子丑寅卯辰", min_size=12))
    def test_texts_without_a_common_word_are_not_alike_at_all(self, one: str, other: str) -> None:
        assert likeness(Texts("", one), Texts("", other)) == 0


class TestSuggesting:
    def test_a_repeated_demand_is_suggested_with_its_reasons(self) -> None:
        written, told = (Texts(*said) for said in AGAIN[6])
        percent = likeness(written, told)
        older = demand("old", -60, written, party="partner-two")
        assert suggest(demand(said=told), [older], minimum=MINIMUM) == (
            Suggestion("old", percent + 15, ("same_enterprise", "other_partner", "same_category", f"text_{percent}")),
        )
        plain = replace(older, party="partner-one", category="market")
        assert suggest(demand(said=told), [plain], minimum=MINIMUM) == (Suggestion("old", percent, ("same_enterprise", f"text_{percent}")),)

    def test_no_score_is_above_a_hundred(self) -> None:
        assert [found.score for found in suggest(demand(), [demand("old", -1, party="partner-two")], minimum=100)] == [100]

    def test_a_demand_without_category_shares_none(self) -> None:
        (found,) = suggest(demand(category=None), [demand("old", -1, category=None)], minimum=MINIMUM)
        assert found == Suggestion("old", 100, ("same_enterprise", "text_100"))

    def test_other_enterprises_are_never_suggested(self) -> None:
        assert suggest(demand(), [demand("old", -1, enterprise="ent-two")], minimum=0) == ()

    def test_only_older_demands_are_suggested(self) -> None:
        others = [demand("new", 0), demand("younger", 1), demand("at once, before", 0), demand("old", -1)]
        assert names(suggest(demand(), others, minimum=0)) == ["old", "at once, before"]

    def test_nothing_in_common_is_no_reason_however_low_the_minimum(self) -> None:
        assert suggest(demand(), [demand("old", -1, Texts("想参加广交会", "小家电展位，出口订单，海外仓。"))], minimum=0) == ()

    @pytest.mark.parametrize("said", [Texts("咨询", "咨询"), Texts("你好", "想咨询一下"), Texts("", ""), Texts("盐雾试验", "检测")])
    def test_demands_that_say_next_to_nothing_are_not_suggested_even_when_equal(self, said: Texts) -> None:
        assert suggest(demand(said=said), [demand("old", -1, said), demand("long", -1)], minimum=0) == ()
        assert suggest(demand(), [demand("old", -1, said)], minimum=0) == ()

    def test_the_minimum_is_reached_or_not(self) -> None:
        written, told = (Texts(*said) for said in AGAIN[2])
        score = likeness(written, told) + 10
        assert names(suggest(demand(said=told), [demand("old", -1, written)], minimum=score)) == ["old"]
        assert suggest(demand(said=told), [demand("old", -1, written)], minimum=score + 1) == ()

    def test_the_best_five_come_first_and_equals_in_order_of_age(self) -> None:
        weaker = Texts(LONG.title, LONG.description + "另外车间要做数字化改造，上数据采集和排产系统。")
        others = [demand(f"d{age}", -age) for age in (3, 1, 5, 4, 2)] + [demand("weaker", -9, weaker), demand("oldest", -9)]
        assert names(suggest(demand(), others, minimum=0)) == ["oldest", "d5", "d4", "d3", "d2"]
        assert names(suggest(demand(), [*others[:2], others[5]], minimum=0)) == ["d3", "d1", "weaker"]

    @given(st.permutations([*(demand(f"d{number}", -number % 3 - 1) for number in range(6)), demand("other", -1, category="market")]))
    def test_the_order_in_which_demands_are_read_does_not_matter(self, others: list[DuplicateSubject]) -> None:
        assert suggest(demand(), others, minimum=0) == suggest(demand(), sorted(others, key=lambda one: one.demand), minimum=0)
