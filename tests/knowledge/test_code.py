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
        ("<pre>  a\n\n\tb  \n</pre>", "  a\n\n\tb"),
        ("<pre>a &lt;b&gt; &amp;amp;</pre>", "a <b> &amp;"),
        ("<pre><code><span class=k>if</span> x:\n    <span>y</span></code></pre>", "if x:\n    y"),
        ("<pre>a<br>b</pre>", "a\nb"),
        ("<pre><div class=line>a</div><div class=line>  b</div></pre>", "a\n  b"),
        (
            "<pre><code>x = 1\n</code><button class=copybtn>Copy</button><a class=headerlink href='#x'>¶</a></pre>",
            "x = 1",
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
    ],
)
def test_code_is_verbatim(body: str, code: str) -> None:
    assert [example.code for example in examples(body)] == [code]


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
