"""Code blocks: verbatim text, languages, context."""

from __future__ import annotations

import pytest

from gleanery.knowledge.extract import CodeExample, extract_page


def examples(body: str) -> tuple[CodeExample, ...]:
    got = extract_page(f"<body><main><p>Before.</p>{body}</main></body>", "https://example.org/")
    for example in got.code_examples:
        assert got.markdown[example.start : example.end] == example.code
    return got.code_examples


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<pre>  a\n\n\tb  \n</pre>", "  a\n\n\tb  \n"),
        ("<pre>\n\n x\n\n</pre>", "\n x\n\n"),
        ("<pre>\n  <code>a\n  b\n</code>\n  <button>Copy</button>\n</pre>", "  a\n  b\n"),
        ("<pre>a &lt;b&gt; &amp;amp;</pre>", "a <b> &amp;"),
        ("<pre><code><span class=k>if</span> x:\n    <span>y</span></code></pre>", "if x:\n    y"),
        ("<pre>a<br>b</pre>", "a\nb"),
        ("<pre><div class=line>a</div><div class=line>  b</div></pre>", "a\n  b"),
        (
            "<pre><code>x = 1\n</code><button class=copybtn>Copy</button><a class=headerlink href='#x'>¶</a></pre>",
            "x = 1\n",
        ),
        ("<pre><span class=linenos>1</span>a\n<span class=linenos>2</span>b</pre>", "a\nb"),
        (
            "<table class=highlighttable><tr><td class=linenos><div class=linenodiv><pre>1\n2</pre></div></td>"
            "<td class=code><div class=highlight><pre>a\nb</pre></div></td></tr></table>",
            "a\nb",
        ),
        ("<table><tr><td><pre>1\n2\n3</pre></td><td><pre>a\nb\nc</pre></td></tr></table>", "a\nb\nc"),
        ("<pre>```\nfenced\n```\n~~~~</pre>", "```\nfenced\n```\n~~~~"),
        ("<ul><li>x<ul><li>y<pre>if a:\n    b</pre></li></ul></li></ul>", "if a:\n    b"),
        ("<div class=fragment><div class=line>int a;</div><div class=line>  b();</div></div>", "int a;\n  b();"),
        ("<pre>a<pre>b</pre>c</pre>", "a\nb\nc"),
        # Blocks in a <pre> end lines, and add none where there is a newline.
        (
            "<pre><div id=a>def f():\n    go()</div>\n\n\n<div id=b>def g(): 1</div></pre>",
            "def f():\n    go()\n\n\ndef g(): 1",
        ),
        (
            "<pre class=prism-code><code><span class=token-line><span>a</span><br></span><span class=token-line> b<br></span>"
            "</code></pre>",
            "a\n b\n",
        ),
        (
            "<pre class='prettyprint linenums'><ol class=linenums><li class=L0>a</li><li class=L1> b</li></ol></pre>",
            "a\n b",
        ),
    ],
)
def test_code_is_verbatim(body: str, code: str) -> None:
    assert [example.code for example in examples(body)] == [code]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<pre><code><span class=ln>1</span>a\n<span class=ln>2</span>b\n</code></pre>", "a\nb\n"),
        (
            "<table class=lntable><tr><td class=lntd><pre class=chroma><code><span class=lnt>1\n</span><span class=lnt>2\n</span>"
            "</code></pre></td><td class=lntd><pre class=chroma><code>a\nb\n</code></pre></td></tr></table>",
            "a\nb\n",
        ),
        (
            "<pre><code><table class=hljs-ln><tr><td class='hljs-ln-line hljs-ln-numbers' data-line-number=1></td>"
            "<td class='hljs-ln-line hljs-ln-code' data-line-number=1>a</td></tr><tr><td class=hljs-ln-numbers "
            "data-line-number=2></td><td class=hljs-ln-code data-line-number=2> }</td></tr></table></code></pre>",
            "a\n }",
        ),
        (
            "<table class=rouge-table><tr><td class='gutter gl'><pre class=lineno>1\n2\n</pre></td>"
            "<td class=code><pre>a\nb\n</pre></td></tr></table>",
            "a\nb\n",
        ),
        (
            "<div class=fragment><div class=line><span class=lineno>    1</span>int a;</div>\n<div class=line>"
            "<span class=lineno>    2</span> b;</div>\n<div class=ttc id=t><div class=ttname>tip</div></div></div>",
            "int a;\n b;",
        ),
        (
            "<div class=CodeMirror-code><div><div class=CodeMirror-linenumber>1</div><pre class=CodeMirror-line>a</pre></div>"
            "<div><div class=CodeMirror-linenumber>2</div><pre class=CodeMirror-line> b</pre></div></div>",
            "a\n b",
        ),
        # A prompt that can't be selected is no part of the code; one that can tells commands from output.
        ("<pre><span style='user-select: none'>$ </span>ls\n<span aria-hidden=true>$ </span>cd</pre>", "ls\ncd"),
        ("<pre><span class=unselectable>&gt;&gt;&gt; </span>f()\n3</pre>", ">>> f()\n3"),
        ("<pre><code class=prompt>$ </code>ls\na  b\n</pre>", "$ ls\na  b\n"),
    ],
)
def test_what_is_no_code_is_left_out(body: str, code: str) -> None:
    assert [example.code for example in examples(body)] == [code]


def test_the_fence_is_closed_right_after_a_last_newline() -> None:
    got = extract_page("<main><pre>a\n</pre><pre>b</pre><pre>c\n\n</pre></main>", "https://example.org/")
    assert got.markdown == "```\na\n```\n\n```\nb\n```\n\n```\nc\n\n```"
    assert [got.markdown[e.start : e.end] for e in got.code_examples] == ["a\n", "b", "c\n\n"]


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ("<pre><code class='language-ts'>x</code></pre>", "typescript"),
        ("<div class='highlight-python3 notranslate'><div class=highlight><pre>x</pre></div></div>", "python"),
        ("<div class='highlight-pycon notranslate'><div class=highlight><pre>x</pre></div></div>", "python"),
        ("<div class='highlight-default notranslate'><div class=highlight><pre>x</pre></div></div>", None),
        ("<div class='highlight-none notranslate'><pre>x</pre></div>", None),
        ("<div class='highlight-wrapper'><pre>x</pre></div>", None),
        ("<div class='highlight highlight-source-shell'><pre>x</pre></div>", "bash"),
        ("<pre class='brush: js notranslate'>x</pre>", "javascript"),
        ("<div class=sourceCode><pre class='sourceCode haskell'><code>x</code></pre></div>", "haskell"),
        ("<pre><code data-lang=ruby>x</code></pre>", "ruby"),
        ("<pre lang=go>x</pre>", "go"),
        ("<pre><code class='hljs css'>x</code></pre>", "css"),
        ("<pre class='rust rust-example-rendered'>x</pre>", "rust"),
        ("<figure class='highlight yml'><pre>x</pre></figure>", "yaml"),
        ("<pre class=screen>x</pre>", None),
        ("<pre><code class='language-cobol2'>x</code></pre>", "cobol2"),
        ("<div class='mw-highlight mw-highlight-lang-python mw-content-ltr'><pre>x</pre></div>", "python"),
        ("<pre data-syntaxhighlighter-params='brush: java; gutter: false'>x</pre>", "java"),
        ("<pre><code data-language=language-js>x</code></pre>", "javascript"),
        (
            "<div class='language-ts vp-adaptive-theme'><span class=lang>ts</span><pre class=shiki><code>x</code></pre></div>",
            "typescript",
        ),
        (
            "<div class='language-ruby highlighter-rouge'><div class=highlight><pre class=highlight>x</pre></div></div>",
            "ruby",
        ),
        ("<pre><code class='language-rust,ignore'>x</code></pre>", "rust"),
        ("<div class='highlight-html+django notranslate'><div class=highlight><pre>x</pre></div></div>", "django"),
        ("<div class='highlight-doscon notranslate'><div class=highlight><pre>x</pre></div></div>", "console"),
        ("<pre><code class='language-nohighlight'>x</code></pre>", None),
    ],
)
def test_language(body: str, language: str | None) -> None:
    assert [example.language for example in examples(body)] == [language]


def test_context_is_the_prose_under_the_same_heading() -> None:
    first, second, third = examples(
        "<h2>A</h2><p>Call <a href='x'>it</a> <b>so</b>:</p><pre>a</pre><pre>b</pre><h2>B</h2><pre>c</pre>"
    )
    assert [first.context, second.context, third.context] == ["Call it so:", "Call it so:", ""]
    assert [first.heading_path, third.heading_path] == [("A",), ("B",)]


@pytest.mark.parametrize(
    ("prose", "summary"),
    [
        ("One thing. Then call it, e.g. so:", "Then call it, e.g. so:"),
        ("It takes a path and a mode. Example:", "It takes a path and a mode. Example:"),
        ("word " * 100, "word " * 38 + "word…"),
    ],
)
def test_the_summary_is_the_last_sentence_before_the_code(prose: str, summary: str) -> None:
    got = extract_page(
        f"<main><h1>T</h1><p>{prose}</p><pre>x</pre><h2>U</h2><pre>y</pre></main>", "https://example.org/"
    )
    assert [example.summary for example in got.code_examples] == [summary, ""]


def test_the_label_that_names_a_blocks_language_is_not_read_as_prose() -> None:
    got = extract_page(
        "<main><p>See <span class=language>C#</span> too.</p><div class=code-header><span class=language>C#</span>"
        "<button>Copy</button></div><pre><code class=lang-csharp>x;</code></pre></main>",
        "https://example.org/",
    )
    assert got.markdown == "See C# too.\n\n```csharp\nx;\n```"
