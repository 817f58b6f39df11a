"""Telegram HTML to text and entities, and back to HTML that is safe in the page."""

from __future__ import annotations

import pytest

from bot.playground.formatting import (
    MarkupError,
    parse_html,
    render_html,
    utf16_length,
    with_commands,
)


@pytest.mark.parametrize(
    ("markup", "text", "entities"),
    [
        ("<b>a</b>", "a", [{"type": "bold", "offset": 0, "length": 1}]),
        ("<strong>a</strong>", "a", [{"type": "bold", "offset": 0, "length": 1}]),
        ("x <em>a</em>", "x a", [{"type": "italic", "offset": 2, "length": 1}]),
        ("<u>a</u>", "a", [{"type": "underline", "offset": 0, "length": 1}]),
        ("<del>a</del>", "a", [{"type": "strikethrough", "offset": 0, "length": 1}]),
        ("<code>a</code>", "a", [{"type": "code", "offset": 0, "length": 1}]),
        ("<pre>a\nb</pre>", "a\nb", [{"type": "pre", "offset": 0, "length": 3}]),
        (
            '<pre><code class="language-python">x</code></pre>',
            "x",
            [{"type": "pre", "offset": 0, "length": 1, "language": "python"}],
        ),
        (
            '<a href="https://example.org/?a=1&amp;b=2">x</a>',
            "x",
            [
                {
                    "type": "text_link",
                    "offset": 0,
                    "length": 1,
                    "url": "https://example.org/?a=1&b=2",
                }
            ],
        ),
        ("<blockquote>q</blockquote>", "q", [{"type": "blockquote", "offset": 0, "length": 1}]),
        (
            "<blockquote expandable>q</blockquote>",
            "q",
            [{"type": "expandable_blockquote", "offset": 0, "length": 1}],
        ),
        ("<tg-spoiler>s</tg-spoiler>", "s", [{"type": "spoiler", "offset": 0, "length": 1}]),
        ('<span class="tg-spoiler">s</span>', "s", [{"type": "spoiler", "offset": 0, "length": 1}]),
        (
            '<tg-time unix="1647531900" format="wDT">22:45</tg-time>',
            "22:45",
            [
                {
                    "type": "date_time",
                    "offset": 0,
                    "length": 5,
                    "unix_time": 1647531900,
                    "date_time_format": "wDT",
                }
            ],
        ),
        ("&lt;b&gt; &amp; &quot; &#8722; &#x2212;", '<b> & " − −', []),
        ("a &nbsp; b", "a &nbsp; b", []),
        ("a > b", "a > b", []),
    ],
)
def test_markup_becomes_text_and_entities(markup, text, entities):
    assert parse_html(markup) == (text, entities)


def test_offsets_count_utf16_units():
    text, entities = parse_html("\U0001f680 <b>\U0001f680b</b>")
    assert utf16_length(text) == 6
    assert entities == [{"type": "bold", "offset": 3, "length": 3}]


def test_nested_entities_come_outermost_first():
    _, entities = parse_html("<b>one <i>two</i></b>")
    assert [entity["type"] for entity in entities] == ["bold", "italic"]


def test_surrounding_white_space_goes_and_entities_move_along():
    assert parse_html("\n  <b>a</b> \n") == ("a", [{"type": "bold", "offset": 0, "length": 1}])


def test_entities_left_empty_are_dropped():
    assert parse_html("a<b> </b>") == ("a", [])


@pytest.mark.parametrize(
    ("markup", "problem"),
    [
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("é<script>", 'Unsupported start tag "script" at byte offset 2'),
        ("1 < 2 >", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<tg-time>a</tg-time>", "Invalid Unix time specified in the tag at byte offset 0"),
        (
            '<tg-time unix="1" format="q">a</tg-time>',
            "Invalid date-time format specified in the tag at byte offset 0",
        ),
    ],
)
def test_what_telegram_refuses_is_refused_in_its_words(markup, problem):
    with pytest.raises(MarkupError) as caught:
        parse_html(markup)
    assert str(caught.value) == problem


def test_commands_are_found_outside_code_only():
    text, entities = parse_html("/kill or <code>/status</code>, see docs/help or &lt;/b&gt;")
    found = [e for e in with_commands(text, entities) if e["type"] == "bot_command"]
    assert found == [{"type": "bot_command", "offset": 0, "length": 5}]


@pytest.mark.parametrize(
    "markup",
    [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<b>&lt;img src=x onerror=alert(1)&gt;</b>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        "<a href='https://x/\" onmouseover=\"alert(1)'>x</a>",
        "<pre>&lt;/pre&gt;&lt;script&gt;</pre>",
    ],
)
def test_hostile_text_stays_text(markup):
    html = render_html(*parse_html(markup))
    for dangerous in ("<script", "<img", "javascript:", "data:", '" onmouseover', "</pre><"):
        assert dangerous not in html


def test_html_of_nested_entities_is_nested():
    text, entities = parse_html(
        "a <b>b <i>c</i> d</b> <blockquote expandable>q &amp; r</blockquote>"
    )
    assert (
        render_html(text, entities)
        == 'a <b>b <i>c</i> d</b> <blockquote class="expandable">q &amp; r</blockquote>'
    )


def test_overlapping_entities_still_give_well_formed_html():
    entities = [
        {"type": "bold", "offset": 0, "length": 3},
        {"type": "italic", "offset": 2, "length": 3},
    ]
    assert render_html("abcde", entities) == "<b>ab<i>c</i></b>de"


def test_links_open_elsewhere_without_a_referrer():
    html = render_html(*parse_html('<a href="https://example.org/?a=1&amp;b">x</a>'))
    assert 'href="https://example.org/?a=1&amp;b"' in html
    assert 'rel="noopener noreferrer"' in html


@pytest.mark.parametrize(
    ("markup", "html"),
    [
        ("a\n<blockquote>q</blockquote>\n\nb", "a\n<blockquote>q</blockquote>\nb"),
        ("<blockquote>q</blockquote>\nb", "<blockquote>q</blockquote>b"),
        ("<blockquote>q</blockquote>b", "<blockquote>q</blockquote>b"),
        ("<pre>x\n</pre>\nb", "<pre>x\n</pre>b"),
        (
            "<blockquote>q</blockquote>\n<blockquote>r</blockquote>",
            "<blockquote>q</blockquote><blockquote>r</blockquote>",
        ),
        ("<b>a</b>\nb", "<b>a</b>\nb"),
    ],
)
def test_a_quote_or_a_code_block_ends_its_own_line(markup, html):
    assert render_html(*parse_html(markup)) == html
