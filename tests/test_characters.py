"""What stands for characters that printers, boards and window displays lack."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.characters import Has, fitted, in_ascii, lacking, on_board, on_paper

DEVICES = pytest.mark.parametrize("has", [on_paper, on_board, in_ascii])


@pytest.mark.parametrize(
    ("text", "paper", "board", "ascii"),
    [
        ("A017 请到3号窗口", "A017 请到3号窗口", "A017 请到3号窗口", "A017 ??3???"),
        ("¥5 £5 ¢5 ￥5", "￥5 ￡5 ￠5 ￥5", "￥5 ￡5 ￠5 ￥5", "?5 ?5 ?5 ?5"),
        ("€", "€", "?", "?"),
        ("a\xa0b\u2009c\u3000d\te", "a b c\u3000d e", "a b c\u3000d e", "a b c d e"),
        ("–−‑", "–--", "---", "---"),
        ("—", "—", "―", "-"),
        ("·•･", "···", "・・・", "---"),
        ("‘’“”„‟", "‘’“”““", "‘’“”““", '\'\'""""'),
        ("«x» ‹y›", "《x》 〈y〉", "《x》 〈y〉", "\"x\" 'y'"),
        ("x² ½ № ™ ® … Ⅻ ⑪", "x2 1/2 № TM (R) … Ⅻ 11", "x2 1/2 № TM (R) … Ⅻ 11", "x2 1/2 No TM (R) ... XII 11"),
        ("㎡㈱", "㎡㈱", "m2(株)", "m2?"),
        ("éÉñß", "éEnss", "éEnss", "eEnss"),
        ("e\u0301", "é", "é", "e"),
        ("Ａ０１", "Ａ０１", "Ａ０１", "A01"),
        ("ﾊ｡", "ハ。", "ハ。", "??"),
        ("\\", "\\", "＼", "\\"),
        ("～〜", "～～", "～～", "~~"),
        ("a\u200bb\ufeff\u00ad✓\ufe0f", "ab√", "ab√", "ab?"),
        ("囍", "囍", "?", "?"),
        ("㐂😀𠮷\ue000\ud800\x1b", "??????", "??????", "??????"),
        ("?", "?", "?", "?"),
    ],
)
def test_what_stands_for_what(text: str, paper: str, board: str, ascii: str) -> None:
    assert [fitted(text, has) for has in (on_paper, on_board, in_ascii)] == [paper, board, ascii]


@DEVICES
@given(text=st.text())
def test_what_is_left_is_what_the_device_has(has: Has, text: str) -> None:
    shown = fitted(text, has)
    assert all(map(has, shown))
    assert fitted(shown, has) == shown
    for character in lacking(text, has):
        assert fitted(character, has) == "?"


def test_what_is_lacking_is_named_once_and_a_question_mark_is_not() -> None:
    assert lacking("㐂 ¥ ? 囍㐂", on_paper) == ["㐂"]
    assert lacking("㐂 ¥ ? 囍㐂", on_board) == ["㐂", "囍"]
    assert lacking("? ？ ⁇", in_ascii) == []
