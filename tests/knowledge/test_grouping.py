"""Grouping of instructions: templates, their variables, and groups that stay the same while texts arrive."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from gleanery.knowledge.grouping.cluster import clusters_of
from gleanery.knowledge.grouping.definition import confidence_of, prompt_of, title_of, to_yaml
from gleanery.knowledge.grouping.grouper import Grouper, GroupEventType
from gleanery.knowledge.grouping.template import Template, template_of
from gleanery.knowledge.grouping.tokens import tokens_of
from gleanery.knowledge.grouping.values import ValueType, type_of, variables_of
from tests.bench.traces_words import Values

PARCEL = "You answer customers of a bookshop. Stay polite.\nName: {}\nMessage: {}\nAnswer in one paragraph."
REVIEW = "Read the code below and list what may fail.\n```python\n{}\n```\nBe brief, and name the lines."
NAMES = ["Ada Lovelace", "Grace Hopper", "Alan M. Turing", "Linus", "Barbara Liskov", "Radia Perlman", "Ken"]
MESSAGES = [
    "Where is my parcel?", "I want my money back, the book was wet.", "Thanks, it came today!", "Do you ship to Peru?",
    "The invoice is wrong; it says 3 books.", "My e-mail changed.", "Hello", "Can I order by phone, and when?",
]  # fmt: skip
CODES = [
    "x = 1",
    "def f(a):\n    return a\n",
    "for n in range(3):\n    print(n)",
    "import os\nos.remove('x')",
    "return x",
]


def parcels(count: int) -> list[str]:
    return [PARCEL.format(NAMES[n % 7], f"{MESSAGES[n % 8]} ({n})") for n in range(count)]


def prose(count: int) -> list[str]:
    """Different texts of one to five sentences."""
    values = Values(random.Random(7))
    return [values.prose(1, 5) for _ in range(count)]


def reviews() -> list[str]:
    return [REVIEW.format(code) for code in CODES]


def grouper() -> Grouper:
    numbers = itertools.count()
    return Grouper([], lambda: f"g{next(numbers)}")


def templates(texts: Sequence[str]) -> list[str]:
    return sorted(str(cluster.template) for cluster in clusters_of(texts))


# Tokens and templates


@given(st.text())
def test_tokens_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Due 2024-05-01, now.", ["Due", " ", "2024-05-01", ",", " ", "now", "."]),
        ("step-by-step", ["step", "-", "by", "-", "step"]),
        ("see https://a.test/b?c=1.", ["see", " ", "https://a.test/b?c=1", "."]),
        ("to ada@a.test!", ["to", " ", "ada@a.test", "!"]),
        ("1,234.50 €", ["1,234.50", " ", "€"]),
        ("/etc/hosts\n", ["/etc/hosts", "\n"]),
        ("</answer>", ["<", "/", "answer", ">"]),
        ("今天3点", ["今", "天", "3", "点"]),
        ('in {"a": [1, 2]} there', ["in", " ", '{"a": [1, 2]}', " ", "there"]),
        ("{not json}", ["{", "not", " ", "json", "}"]),
    ],
)
def test_a_value_is_one_token(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6), st.data())
def test_a_template_reads_what_it_was_filled_with(constants: list[str], data: st.DataObject) -> None:
    template = Template(tuple(constants))
    values = data.draw(st.lists(st.text(), min_size=template.slots, max_size=template.slots))
    text = template.fill(values)
    read = template.match(text)
    assert read is not None
    assert template.fill(read) == text


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.text())
def test_what_a_template_reads_is_always_the_text(constants: list[str], text: str) -> None:
    template = Template(tuple(constants))
    read = template.match(text)
    assert read is None or template.fill(read) == text


def test_slots_that_touch_are_one() -> None:
    assert template_of(["a ", None, None, " b", None]).constants == ("a ", " b", "")


@given(st.lists(st.text(max_size=200), min_size=1, max_size=12, unique=True))
def test_every_text_is_in_one_cluster_and_fits_it(texts: list[str]) -> None:
    clusters = clusters_of(texts)
    assert sorted(member for cluster in clusters for member in cluster.members) == list(range(len(texts)))
    for cluster in clusters:
        for member in cluster.members:
            values = cluster.template.match(texts[member])
            assert values is not None
            assert cluster.template.fill(values) == texts[member]


# Clusters


def test_two_prompts_are_told_apart_and_their_slots_found() -> None:
    assert templates([*parcels(20), *reviews()]) == [
        REVIEW.format("<*>"),
        PARCEL.format("<*>", "<*>)").replace("Message: <*>)", "Message: <*> (<*>)"),
    ]


def test_lists_of_any_length_are_one_value() -> None:
    prompt = "Sort these items by price, the cheapest first.\nItems:\n{}\n\nReply with the sorted list only."
    lists = [["tea"], ["tea", "milk"], ["egg", "oil", "rice"], ["salt", "tea", "flour", "nuts"], ["figs", "dates"]]
    texts = [prompt.format("\n".join(f"- {item}" for item in items)) for items in lists]
    assert templates(texts) == [prompt.format("<*>")]


def test_json_of_any_shape_is_one_value() -> None:
    prompt = "Check the record below against the rules.\nRecord: {}\nName the rule that is broken."
    records = [
        '{"a": 1}',
        '{"b": {"c": [1, 2]}, "d": null}',
        '[{"e": "x"}]',
        '{"a": 2, "f": "y"}',
        '{"g": [], "h": "i"}',
    ]
    assert templates([prompt.format(record) for record in records]) == [prompt.format("<*>")]


def test_near_identical_prompts_are_two() -> None:
    text = "Look at the review. Name what is {} in it and give one {} for that.\nReview: {}"
    values = prose(30)
    good = [text.format("good", "strength", value) for value in values[:15]]
    bad = [text.format("bad", "weakness", value) for value in values[15:]]
    assert templates([*good, *bad]) == [text.format("bad", "weakness", "<*>."), text.format("good", "strength", "<*>.")]


def test_one_place_of_few_values_is_a_variable() -> None:
    text = "Rewrite the message below in a {} tone for the newsletter.\nMessage: {}"
    texts = [text.format(tone, f"{message} {n}") for n, message in enumerate(MESSAGES) for tone in ("warm", "dry")]
    assert len(templates(texts)) == 1


def test_a_sentence_that_comes_at_times_is_part_of_a_slot() -> None:
    text = "Translate what follows for our readers.{}\nText: {}\n---\nKeep names as they are in it."
    note = "\nNote: use British spelling everywhere you can."
    values = prose(30)
    texts = [text.format(note if n % 3 else "", value) for n, value in enumerate(values)]
    assert len(templates(texts)) == 1


def test_chinese_is_grouped_by_its_characters() -> None:
    text = "请把下面的内容翻译成{}，并保持原来的语气和格式。\n内容：{}"
    lines = [
        "今天天气很好",
        "我昨天去了北京",
        "会议三点开始",
        "这本书很有意思",
        "他正在等你",
        "请坐",
        "谢谢你的帮助",
        "再见",
    ]
    texts = [text.format(language, line) for line in lines for language in ("英语", "法语", "日语")]
    assert templates(texts) == [text.format("<*>语", "<*>")]


def test_texts_without_anything_in_common_stay_alone() -> None:
    texts = ["Where is the key?", "Compute the sum of these numbers: 1, 2", "Hello there", "こんにちは", "SELECT 1"]
    assert [len(cluster.members) for cluster in clusters_of(texts)] == [1] * 5


# Groups over time


def test_groups_keep_their_ids_whatever_the_portions() -> None:
    texts = [*parcels(40), *reviews()]
    random.Random(1).shuffle(texts)
    for size in (1, 3, 10, 45):
        it = grouper()
        found = [
            group for start in range(0, len(texts), size) for group in it.add(texts[start : start + size]).assigned
        ]
        last = it.assign(texts)
        assert len(set(last.values())) == 2, size
        settled = found[25:]
        assert settled == [last[text] for text in texts[25:]], size


def test_more_texts_of_a_known_template_change_nothing() -> None:
    it = grouper()
    it.add(parcels(30))
    before = dict(it.groups)
    added = it.add(parcels(36)[30:])
    assert (added.events, added.reread, set(added.assigned)) == ((), frozenset(), set(before))
    assert [group.template for group in it.groups.values()] == [group.template for group in before.values()]


def test_a_value_that_was_constant_so_far_changes_the_template_and_is_told() -> None:
    it = grouper()
    first = it.add([PARCEL.format("Ada", message) for message in MESSAGES])
    (group_id,) = set(first.assigned)
    added = it.add([PARCEL.format("Grace", message) for message in MESSAGES])
    assert set(added.assigned) == {group_id}
    assert [(event.type, event.group_id) for event in added.events] == [(GroupEventType.CHANGED, group_id)]
    assert it.groups[group_id].template.slots == 2


def test_a_group_that_turns_out_to_be_two_is_split_and_told() -> None:
    text = "Look at the review. Name what is {} in it and give one {} for that.\nReview: {}"
    it = grouper()
    first = it.add([text.format("good", "strength", "It works."), text.format("bad", "weakness", "It broke again.")])
    assert len(set(first.assigned)) == 1
    kinds = (("good", "strength"), ("bad", "weakness"))
    more = [text.format(*kinds[n % 2], value) for n, value in enumerate(prose(30))]
    added = it.add(more)
    split = [event for event in added.events if event.type is GroupEventType.SPLIT]
    assert len(set(it.assign(more).values())) == 2
    assert [event.group_id for event in split] == [first.assigned[0]]
    assert added.reread >= {first.assigned[0], *split[0].others}


def test_the_same_text_again_and_again_is_a_group_of_its_own() -> None:
    it = grouper()
    added = it.add(["Give me a random fact about whales."] * 9)
    assert Counter(added.assigned) == {"g0": 9}
    assert it.groups["g0"].count == 9
    assert it.groups["g0"].template == Template(("Give me a random fact about whales.",))


# Variables and definitions


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "22", "1,000"], ValueType.INTEGER),
        (["1.5", "$20", "3 %"], ValueType.NUMBER),
        (["true", "no"], ValueType.BOOLEAN),
        (["2024-05-01", "1/2/2024"], ValueType.DATE),
        (["2024-05-01T10:00:00Z", "2024-05-01 10:00"], ValueType.DATETIME),
        (["ada@a.test", "b@c.test"], ValueType.EMAIL),
        (["https://a.test/x", "http://b.test"], ValueType.URL),
        (["0b6c3f6e-3c3e-4f3a-9f59-0123456789ab"], ValueType.UUID),
        (["/etc/hosts", "src/app.py"], ValueType.PATH),
        (['{"a": 1}', "[1]"], ValueType.JSON),
        (["warm", "dry"] * 6, ValueType.ENUM),
        (CODES, ValueType.CODE),
        (["tea, milk", "egg, oil, rice"], ValueType.LIST),
        (["- a\n- b", "1. x\n2. y"], ValueType.LIST),
        (["He went home early and slept until noon.", "Nothing of this is true as far as we know."], ValueType.PROSE),
        (["Ada Lovelace", "Ken"], ValueType.TEXT),
        (["", ""], ValueType.TEXT),
    ],
)
def test_the_type_is_the_narrowest_that_fits(values: list[str], kind: ValueType) -> None:
    assert type_of(values) is kind


def test_variables_are_called_after_what_stands_beside_them() -> None:
    text = 'Use {} sentences.\n<article>{}</article>\nUser name: {}\n{{"city": "{}"}} in {}\n```sql\n{}\n```\n{} {}'
    template = Template(tuple(text.replace("{{", "{").replace("}}", "}").split("{}")))
    row = ["3", "It rained.", "Ada", "Rome", "2024-05-01", "SELECT 1", "x", "y"]
    found = variables_of(template, [template.fill(row)])
    assert [one.name for one in found] == [
        "sentences",
        "article",
        "user_name",
        "city",
        "date",
        "sql_code",
        "code",
        "text",
    ]
    assert found[1].samples == ("It rained.",)


def test_a_definition_is_a_prompt_and_yaml_that_reads_back() -> None:
    constants, names = ("Ask {{ twice\nof ", "."), ["name"]
    prompt = prompt_of(constants, names)
    assert prompt == "Ask {{ '{{' }} twice\nof {{name}}."
    assert title_of(("\n--\n", " is here"), names) == "{{name}} is here"
    definition = {"name": "a: b", "prompt": prompt, "samples": ["é", "- x", "yes", "multi\nline\n"]}
    assert yaml.safe_load(to_yaml(definition)) == definition


@pytest.mark.parametrize(("words", "count", "least", "most"), [(20, 1, 0, 0), (20, 100, 0.9, 1), (3, 100, 0.2, 0.3)])
def test_confidence_grows_with_traces_and_words(words: int, count: int, least: float, most: float) -> None:
    assert least <= confidence_of(words, count) <= most


@pytest.mark.parametrize("make", [parcels, lambda _: reviews()], ids=["parcels", "reviews"])
def test_nothing_depends_on_the_order(make: Callable[[int], list[str]]) -> None:
    texts = make(24)
    expected = templates(texts)
    for seed in range(3):
        random.Random(seed).shuffle(texts)
        assert templates(texts) == expected
