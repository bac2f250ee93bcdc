"""Scripts and languages of texts, and what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from manybaskets.data.languages import divided, known_in, script_of, usable

ENGLISH = "The river rises in the hills and runs past the old mill before it meets the sea."
FRENCH = "La rivière prend sa source dans les collines et passe devant le vieux moulin du village."
CHINESE = "这条河从山上流下来，经过老磨坊。"
JAPANESE = "この川は丘から流れて、古い水車小屋のそばを通ります。"
KOREAN = "이 강은 언덕에서 시작하여 오래된 방앗간을 지나갑니다."
RUSSIAN = "Река берёт начало в холмах и течёт мимо старой мельницы."
THAI = "แม่น้ำสายนี้ไหลจากเนินเขาผ่านโรงสีเก่า"
ARABIC = "ينبع النهر من التلال ويمر بجانب الطاحونة القديمة."
HINDI = "नदी पहाड़ियों से निकलती है और पुरानी चक्की के पास से बहती है।"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (ENGLISH, "latin"), (FRENCH, "latin"), (CHINESE, "han"), (JAPANESE, "kana"),
        (KOREAN, "hangul"), (RUSSIAN, "cyrillic"), (THAI, "thai"), (ARABIC, "arabic"),
        (HINDI, "devanagari"), ("Ｆｕｌｌ ｗｉｄｔｈ", "latin"), ("12 + 3 = 15", None), ("", None),
        ("🙂 …", "pictures"), ("🙂 1", None), ("?!", None), (f"{CHINESE} (OK)", "han"),
    ],
)  # fmt: skip
def test_the_script_is_that_of_most_letters(text: str, script: str | None) -> None:
    assert script_of(text) == script


@pytest.mark.parametrize("text", [FRENCH, CHINESE, JAPANESE, KOREAN, RUSSIAN, THAI, ARABIC, HINDI])
def test_english_alone_knows_no_other_language(text: str) -> None:
    assert not known_in(text, ["en"])
    assert known_in(text, None)


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        (ENGLISH, ["en"]), (FRENCH, ["en", "fr"]), (CHINESE, ["zh"]), (JAPANESE, ["ja"]),
        (KOREAN, ["ko"]), (RUSSIAN, ["ru"]), (THAI, ["th"]), ("Oui.", ["en"]), ("42", ["en"]),
        ("", ["en"]), ("x = [i for i in range(10)]", ["en"]), ("—…", ["en"]),
        (f"{ENGLISH} In Chinese: {CHINESE[:8]}", ["en"]), (f"{CHINESE} Python numpy", ["zh"]),
    ],
)  # fmt: skip
def test_known_languages_and_texts_that_show_none(text: str, languages: list[str]) -> None:
    assert known_in(text, languages)


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        (f"{ENGLISH[:40]} {CHINESE}", ["en"]), (f"{ENGLISH} {ARABIC}", ["en"]),
        (f"{CHINESE} {ENGLISH}", ["zh"]), (f"{CHINESE} {JAPANESE}", ["zh"]), ("🙂🎉", ["en", "zh"]),
    ],
)  # fmt: skip
def test_a_text_of_two_scripts_is_known_if_both_are(text: str, languages: list[str]) -> None:
    assert not known_in(text, languages)
    assert known_in(text, None)


def test_scripts_without_spaces_are_not_divided_but_han_and_kana_are() -> None:
    assert not divided(THAI)
    assert all(divided(text) for text in (ENGLISH, CHINESE, JAPANESE, KOREAN, ARABIC, HINDI, ""))
    assert not divided("🙂🎉") and divided("🙂 Yes.") and divided("?!")


def test_a_set_with_more_than_a_tenth_unknown_is_not_used() -> None:
    assert usable([True] * 9 + [False]).tolist() == [True] * 9 + [False]
    assert not usable([True] * 8 + [False] * 2).any()
    assert usable(np.zeros(0, dtype=bool)).tolist() == []
