"""Where code is, and where comments and texts are."""

from __future__ import annotations

import pytest

from dcgan.publishing import javascript
from dcgan.publishing.javascript import masked, top_level, without_comments


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("let a = 1; // b\nlet c;", "let a = 1;     \nlet c;"),
        ("a /* b\nc */ d", "a     \n     d"),
        ("'it\\'s' + \"//\" + x", "        +      + x"),
        ("`a ${b + `c ${'}'}`} // d` + e", 27 * " " + "+ e"),
        ("a / b / c // d", "a / b / c     "),
        ("x = /[/]\\/'/g.test(y)", "x =          .test(y)"),
        ("return /'/", "return    "),
        ("(a) / b; c = '/'", "(a) / b; c =    "),
        ("f(/* text */ /b/, 'c')", "f(              ,    )"),
        ("a = b\n/ c / d", "a = b\n/ c / d"),
    ],
)
def test_comments_and_texts_are_masked(source, code):
    assert masked(source) == code
    assert len(masked(source)) == len(source)


@pytest.mark.parametrize("source", ["let a = 'b\nc';", "/* a", "`a", "`${a`", 'f("'])
def test_what_does_not_end_is_an_error_with_its_line(source):
    with pytest.raises(ValueError, match=r"^line [12] has a \w+ that does not end; close it"):
        list(javascript.spans(source))


def test_comments_are_removed_and_texts_stay():
    source = """// @ts-check
/**
 * About.
 */
const a = 1; // one

const b = /** @type {any} */ (`

  // not a comment
`);
return/* a
*/c
"""
    assert without_comments(source) == "const a = 1;\nconst b =  (`\n\n  // not a comment\n`);\nreturn\nc\n"


def test_the_top_level_is_what_no_bracket_encloses():
    assert top_level("a({ b: [c] }) + d\n{ e\nf }") == "a(          ) + d\n{  \n  }"


@pytest.mark.parametrize("code", ["(a", "a)", "{ a ] ) b"])
def test_a_bracket_without_its_other_is_an_error(code):
    with pytest.raises(ValueError, match="bracket"):
        top_level(code)
