"""Made instructions with known templates, by kind. Half of the kinds were never looked at while the grouping was tuned.

A kind is a function that makes one template: a function of its own that gives a text as pieces, constant ones and values.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.traces_words import HEADS, OUTPUTS, ROLES, RULES, TASKS, TONES, Values


@dataclass(frozen=True)
class Value:
    text: str


Pieces = Sequence[str | Value]
Maker = Callable[[], Pieces]
Kind = Callable[[random.Random, Values], Maker]


@dataclass(frozen=True)
class Made:
    """A text and the template that it came of: constants around `<*>`, slots that touch being one."""

    text: str
    template: str


def made(pieces: Pieces) -> Made:
    template = ""
    for piece in pieces:
        if isinstance(piece, str):
            template += piece
        elif not template.endswith("<*>"):
            template += "<*>"
    return Made("".join(piece if isinstance(piece, str) else piece.text for piece in pieces), template)


def dataset(kind: Kind, seed: int, templates: int = 30, most: int = 150) -> list[Made]:
    """Texts of so many templates, in random order; how many each has falls off as in life, down to one."""
    chance = random.Random(seed)
    values = Values(chance)
    found = list[Made]()
    for rank in range(templates):
        make = kind(chance, values)
        found += (made(make()) for _ in range(max(1, int(most / (1 + rank) ** 1.3))))
    chance.shuffle(found)
    return found


def opening(chance: random.Random) -> str:
    """Some constant text that an instruction begins with."""
    rules = chance.sample(RULES, chance.randint(0, 3))
    return " ".join([chance.choice(ROLES), chance.choice(TASKS), *rules])


# Kinds that the grouping was tuned on.


def plain(chance: random.Random, values: Values) -> Maker:
    begin, head, end = opening(chance), chance.choice(HEADS), chance.choice(["", "\n\n" + chance.choice(OUTPUTS)])
    return lambda: [f"{begin}\n\n{head}:\n", Value(values.prose()), end]


def listed(chance: random.Random, values: Values) -> Maker:
    """Lists of any length, in four forms."""
    begin, head, end, form = opening(chance), chance.choice(HEADS), chance.choice(OUTPUTS), chance.randrange(4)

    def make() -> Pieces:
        items = values.phrases()
        lists = (
            ", ".join(items),
            "\n".join(f"- {item}" for item in items),
            "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1)),
            "; ".join(items),
        )
        return [f"{begin}\n{head}s:\n", Value(lists[form]), f"\n\n{end}"]

    return make


def in_json(chance: random.Random, values: Values) -> Maker:
    begin, head, indent = opening(chance), chance.choice(HEADS), chance.choice([None, 2])
    end = chance.choice(["", "\n" + chance.choice(OUTPUTS)])
    return lambda: [f"{begin}\n{head}: ", Value(json.dumps(values.json(), indent=indent)), end]


def near(chance: random.Random, values: Values) -> Maker:
    """Templates that share all but a few words, which change together: few seeds for many templates."""
    family = random.Random(chance.randrange(8))
    begin, head = opening(family), family.choice(HEADS)
    pair = chance.choice(
        [
            ("praise", "Name what is good", "strength"),
            ("critique", "Name what is bad", "weakness"),
            ("neutral view", "Name what is said", "statement"),
        ]
    )
    return lambda: [
        f"{begin} Write a {pair[0]} of the work of ",
        Value(values.name()),
        f". {pair[1]} and give one example for each {pair[2]}.\n{head}: ",
        Value(values.prose(1, 5)),
    ]


def several_words(chance: random.Random, values: Values) -> Maker:
    """Short values of one to six words in the middle of sentences."""
    kinds = [values.name, values.thing, values.city, values.tone, values.language, values.question]
    first, second, third = chance.sample(kinds, 3)
    begin, rule = opening(chance), chance.choice(RULES)
    joins = chance.choice(
        [
            (" This is about ", " as seen by people who know ", ", and in relation to "),
            (" The subject is ", ", the occasion is ", ", the constraint is "),
            (" Begin with ", " before you turn to ", " and close with "),
        ]
    )
    return lambda: [
        begin + joins[0], Value(first()), joins[1], Value(second()), joins[2], Value(third()), f". {rule}"
    ]  # fmt: skip


def one_offs(chance: random.Random, values: Values) -> Maker:
    """Instructions that somebody typed: no template; beside a few templates."""
    if chance.random() < 0.3:
        return plain(chance, values)
    text = f"{values.question()} {values.prose(1, 4)}"
    return lambda: [text]


def shared_preamble(chance: random.Random, values: Values) -> Maker:
    """A long beginning that all templates have."""
    begin = " ".join([*ROLES[:3], *RULES[:10]])
    task, rules, head = chance.choice(TASKS), " ".join(chance.sample(RULES[10:], 2)), chance.choice(HEADS)
    output = chance.choice(OUTPUTS)
    return lambda: [
        f"{begin}\n\n# Task\n{task} {rules}\n\n# {head}\n",
        Value(values.prose(1, 6)),
        f"\n\n# Output\n{output}",
    ]


def typed(chance: random.Random, values: Values) -> Maker:
    kinds = [values.number, values.amount, values.date, values.uuid, values.email, values.url, values.path]
    chance.shuffle(kinds)
    begin, labels = opening(chance), chance.sample(["Reference", "Due", "From", "Sum", "Link", "File", "Case"], 4)

    def make() -> Pieces:
        pieces: list[str | Value] = [begin]
        for label, kind in zip(labels, kinds, strict=False):
            pieces += [f"\n{label}: ", Value(kind())]
        return [*pieces, "\nThat is all that is known."]

    return make


def coded(chance: random.Random, values: Values) -> Maker:
    begin, output = opening(chance), chance.choice(OUTPUTS)
    return lambda: [f"{begin}\n\n```python\n", Value(values.code()), f"\n```\n{output}"]


def optional(chance: random.Random, values: Values) -> Maker:
    """Sentences that are there only sometimes."""
    begin, head = opening(chance), chance.choice(HEADS)
    extra, more, end = chance.choice(RULES), chance.choice(TASKS), chance.choice(OUTPUTS)

    def make() -> Pieces:
        first = f"\nNote: {extra}" if chance.random() < 0.5 else ""
        second = f"\nAlso: {more}" if chance.random() < 0.4 else ""
        return [begin, Value(first), f"\n{head}: ", Value(values.prose(1, 4)), Value(second), f"\n---\n{end}"]

    return make


def like_template(chance: random.Random, values: Values) -> Maker:
    """Values that hold words and whole lines of templates."""
    begin, head, output = opening(chance), chance.choice(HEADS), chance.choice(OUTPUTS)

    def make() -> Pieces:
        inner = [values.sentence(), chance.choice(RULES), values.sentence()]
        if chance.random() < 0.3:
            inner.insert(1, chance.choice([f"{head}:", begin, chance.choice(TASKS)]))
        chance.shuffle(inner)
        return [f"{begin}\n{head}: ", Value(" ".join(inner)), "\nQuestion: ", Value(values.question()), f"\n{output}"]

    return make


WORLD = {
    "de": (
        "Fasse den folgenden Text in {} Sätzen zusammen und nenne die wichtigsten Personen.\nText: {}",
        [
            "Der Hund läuft über die Straße",
            "Das Wetter in {} ist schön",
            "Wir fahren morgen nach {}",
            "Er wartet auf {}.",
        ],
    ),
    "fr": (
        "Résumez le texte suivant en {} phrases, sans ajouter d'opinion personnelle.\nTexte : {}",
        [
            "Le train arrive à {}",
            "Il fait beau aujourd'hui",
            "Nous cherchons {} depuis hier",
            "La ville de {} est grande.",
        ],
    ),
    "es": (
        "Traduce el siguiente mensaje para un cliente de {} y conserva el tono cordial.\nMensaje: {}",
        ["El pedido llegó tarde", "Necesito hablar con {}", "La caja estaba rota", "Quiero cambiar {} por otro."],
    ),
    "ja": (
        "次の文章を{}文で要約してください。専門用語は使わないでください。\n文章：{}",
        ["今日は天気がいいです", "私は{}に行きました", "会議は三時に始まります", "{}さんは元気です", ""],
    ),
    "zh": (
        "请把下面的内容翻译成{}，并保持原来的语气和格式。\n内容：{}",
        ["今天天气很好", "我昨天去了{}", "会议三点开始", "{}先生正在等你", "这本书很有意思", ""],
    ),
    "ru": (
        "Прочитай отзыв клиента из города {} и определи его настроение.\nОтзыв: {}",
        [
            "Доставка была быстрой",
            "Мне не понравился {}",
            "Спасибо за помощь",
            "Товар пришёл вовремя",
            "Я звонил в {}.",
        ],
    ),
    "ar": (
        "لخص النص التالي في {} جمل واضحة دون إضافة أي رأي.\nالنص: {}",
        ["الطقس جميل اليوم", "وصل القطار إلى {}", "نحن نبحث عن {}", "المدينة كبيرة."],
    ),
    "ko": (
        "다음 글을 {}문장으로 요약하고 중요한 사람의 이름을 적어 주세요.\n글: {}",
        ["오늘은 날씨가 좋습니다", "어제 {}에 갔습니다", "회의는 세 시에 시작합니다", "{} 씨가 기다립니다."],
    ),
    "hi": (
        "नीचे दिए गए पाठ का {} वाक्यों में सारांश लिखिए और कोई राय मत जोड़िए।\nपाठ: {}",
        ["आज मौसम अच्छा है", "मैं कल {} गया था", "बैठक तीन बजे शुरू होगी", "{} इंतज़ार कर रहे हैं."],
    ),
    "th": (
        "สรุปข้อความต่อไปนี้ใน {} ประโยค และห้ามเพิ่มความคิดเห็น\nข้อความ: {}",
        ["วันนี้อากาศดี", "ฉันไป{}เมื่อวาน", "การประชุมเริ่มบ่ายสาม", "คุณ{}กำลังรอ"],
    ),
    "tr": (
        "Aşağıdaki metni {} cümleyle özetle ve kişisel görüş ekleme.\nMetin: {}",
        ["Hava bugün güzel", "Tren {} şehrine vardı", "Toplantı üçte başlıyor", "{} seni bekliyor."],
    ),
    "el": (
        "Διάβασε το παρακάτω κείμενο και γράψε {} ερωτήσεις για μαθητές.\nΚείμενο: {}",
        ["Ο καιρός είναι καλός", "Το τρένο έφτασε στο {}", "Η σύσκεψη αρχίζει στις τρεις", "Περιμένουμε {}."],
    ),
}


def of_the_world(chance: random.Random, values: Values) -> Maker:
    """Many languages, with and without spaces between words; each language in a few variants of its own."""
    language = chance.choice(sorted(WORLD))
    form, lines = WORLD[language]
    before, middle, after = form.split("{}")
    extra = f"\n[{chance.choice(HEADS)} {chance.choice(TASKS)}]"

    def make() -> Pieces:
        text = " ".join(chance.choice(lines).replace("{}", values.city()) for _ in range(chance.randint(2, 7)))
        short = values.city() if language in ("es", "zh", "ru") else values.number()
        return [before, Value(short), middle, Value(text), after + extra]

    return make


def shots(chance: random.Random, values: Values) -> Maker:
    """As many examples as there were, then the question."""
    begin, ask, reply = opening(chance), *chance.choice([("Q", "A"), ("User", "Assistant"), ("Input", "Output")])

    def make() -> Pieces:
        examples = "".join(
            f"\n\n{ask}: {values.question()}\n{reply}: {values.sentence()}" for _ in range(chance.randint(1, 6))
        )
        return [
            f"{begin}\n\nExamples:",
            Value(examples),
            f"\n\nNow it is your turn.\n{ask}: ",
            Value(values.question()),
            f"\n{reply}:",
        ]

    return make


def table(chance: random.Random, values: Values) -> Maker:
    begin, output = opening(chance), chance.choice(OUTPUTS)
    sign = chance.choice([",", " | ", "\t"])

    def make() -> Pieces:
        rows = "\n".join(
            sign.join([values.name(), values.city(), values.number(), values.date()])
            for _ in range(chance.randint(2, 15))
        )
        return [f"{begin}\nname{sign}city{sign}count{sign}day\n", Value(rows), f"\n\n{output}"]

    return make


def tagged(chance: random.Random, values: Values) -> Maker:
    """XML tags, low-cardinality settings and a long document that comes again in many instructions."""
    begin, tone = opening(chance), chance.choice(TONES)
    documents = [values.prose(4, 12) for _ in range(12)]
    return lambda: [
        f"{begin} Keep the tone {tone}.\n<document>\n", Value(chance.choice(documents)), "\n</document>\n<reader>",
        Value(values.tone()), "</reader>\n<question>", Value(values.question()), "</question>",
    ]  # fmt: skip


def near_short(chance: random.Random, values: Values) -> Maker:
    """Near-identical and short: two places of one word each, and a value beside one of them."""
    verb, noun = chance.choice(
        [("Translate", "translation"), ("Summarise", "summary"), ("Proofread", "correction"), ("Shorten", "draft")]
    )
    rule = chance.choice(RULES[:4])
    where = "for our partners abroad" if rule in RULES[:2] else "for the newsletter"
    return lambda: [
        f"{verb} ", Value(values.sentence()), f"\nThe {noun} is needed {where} by ", Value(values.date()), f". {rule}"
    ]  # fmt: skip


# Kinds that were made after the grouping was tuned, and never looked at.


def transcript(chance: random.Random, values: Values) -> Maker:
    """A conversation of any length between two instructions."""
    begin, output = opening(chance), chance.choice(OUTPUTS)
    first, second = chance.choice([("Customer", "Agent"), ("Patient", "Doctor"), ("Teacher", "Pupil")])

    def make() -> Pieces:
        turns = "\n".join(
            f"{chance.choice([first, second])}: {values.sentence()}" for _ in range(chance.randint(2, 14))
        )
        return [
            f"{begin}\n\n### Conversation\n",
            Value(turns),
            f"\n\n### What to do\n{output} The next turn is the {second.lower()}'s.",
        ]

    return make


def mail(chance: random.Random, values: Values) -> Maker:
    """Headers with values in each line, then a body that may quote another one."""
    begin, output = opening(chance), chance.choice(OUTPUTS)

    def make() -> Pieces:
        body = values.prose(1, 5)
        if chance.random() < 0.4:
            body += "\n" + "\n".join(f"> {values.sentence()}" for _ in range(chance.randint(1, 4)))
        return [
            f"{begin}\n---\nFrom: ", Value(values.name()), " <", Value(values.email()), ">\nDate: ", Value(values.date()),
            "\nSubject: ", Value(values.question()), "\n\n", Value(body), f"\n---\n{output}",
        ]  # fmt: skip

    return make


def schema(chance: random.Random, values: Values) -> Maker:
    """A schema that some deployments share, a question, and a limit."""
    begin, rule = opening(chance), chance.choice(RULES)
    tables = [
        "CREATE TABLE orders (id INTEGER, city TEXT, total REAL);", "CREATE TABLE users (id INTEGER, name TEXT);",
        "CREATE TABLE items (id INTEGER, order_id INTEGER, label TEXT);", "CREATE TABLE visits (at TEXT, user_id INTEGER);",
    ]  # fmt: skip

    def make() -> Pieces:
        shown = "\n".join(chance.sample(tables, chance.randint(1, 4)))
        return [
            f"{begin}\nThe database:\n```sql\n", Value(shown), "\n```\nThe question is: ", Value(values.question()),
            "\nGive no more than ", Value(values.number()), f" rows. {rule}",
        ]  # fmt: skip

    return make


def situation(chance: random.Random, values: Values) -> Maker:
    """A system prompt with the day and the user at its top, and what the user said at its end."""
    begin, rules = opening(chance), " ".join(chance.sample(RULES, 4))
    return lambda: [
        "Today is ", Value(values.date()), ". You are talking to ", Value(values.name()), " from ", Value(values.city()),
        f".\n{begin}\n{rules}\n\n", Value(values.question() + " " + values.prose(1, 3)),
    ]  # fmt: skip


TUNED: Mapping[str, Kind] = {
    "plain": plain, "lists": listed, "JSON": in_json, "near-identical": near, "several words": several_words,
    "one-offs": one_offs, "shared preamble": shared_preamble, "typed": typed, "optional parts": optional,
    "languages": of_the_world, "tags, repeated documents": tagged, "near-identical, short": near_short,
    "day and user": situation,
}  # fmt: skip
HELD_OUT: Mapping[str, Kind] = {
    "code": coded, "values like templates": like_template, "few-shot": shots, "tables": table,
    "conversations": transcript, "mails": mail, "schemas": schema,
}  # fmt: skip
