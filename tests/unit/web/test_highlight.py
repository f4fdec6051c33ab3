"""Python in colours: what is coloured, what is not, and that nothing slips through unescaped."""

from __future__ import annotations

import re
import time

import pytest

from unshelve.web.highlight import python


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return None", '<i class="k">return</i> <i class="k">None</i>'),
        ("@fit\ndef f", '<i class="k">@fit</i>\n<i class="k">def</i> f'),
        ("a @ b", "a @ b"),
        ("returned = 1  # in", 'returned = 1  <i class="c"># in</i>'),
        ("rf'# no'", "<i class=\"s\">rf'# no'</i>"),
        ('"""in\nor"""', '<i class="s">"""in\nor"""</i>'),
        ("'it\\'s'", "<i class=\"s\">'it\\'s'</i>"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("'<b>'", "<i class=\"s\">'&lt;b&gt;'</i>"),
        ("größe = 'ä", 'größe = <i class="s">\'ä</i>'),
        ("%matplotlib inline", "%matplotlib inline"),
    ],
)
def test_what_has_a_colour(text: str, said: str) -> None:
    assert python(text) == said


def test_the_text_is_kept_letter_by_letter() -> None:
    text = "for x in y:\n\tif x: print(f\"{x!r}\", '''a\nb''') # <&>\n"
    shown = re.sub(r"</?i[^>]*>", "", python(text))
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_long_unfinished_texts_take_no_time() -> None:
    began = time.process_time()
    for text in ("'" * 50_001, '"""' + "\\" * 50_000, "x" * 50_000, "@" * 50_000):
        python(text)
    assert time.process_time() - began < 1
