"""Names of programming languages as highlighters write them, folded to one name each."""

from __future__ import annotations

import re

_KNOWN = """
ada apache assembly awk bash batch bnf c cfg clojure cmake cobol coffeescript console cpp crystal csharp css csv cuda
cypher d dart delphi diff django dockerfile ebnf elisp elixir elm erb erlang fish fortran fsharp gherkin glsl go
gradle graphql groovy haml handlebars haskell haxe hcl hlsl html http ini java javascript jinja json json5 jsonc jsonl
jsonnet jsp jsx julia kotlin latex less lisp log lua makefile markdown mathematica matlab mdx mermaid mysql nasm nginx
nim nix objective-c ocaml pascal perl php powershell prolog properties protobuf puppet python qml r racket razor regex
rst ruby rust sass scala scheme scss solidity sparql sql stylus svelte swift tcl text toml tsx twig typescript vbnet
verilog vhdl vim vue wasm wgsl xml xquery yaml zig
"""
_ALIASES = {
    "assembly": "asm",
    "bash": "sh shell shellscript zsh ksh",
    "batch": "bat",
    "coffeescript": "coffee",
    "console": "shell-session shellsession sh-session bash-session doscon ps1con pwsh-session terminal",
    "cpp": "c++ cc cxx h++",
    "csharp": "c# cs",
    "diff": "patch",
    "dockerfile": "docker",
    "elixir": "ex exs",
    "go": "golang",
    "graphql": "gql",
    "haskell": "hs",
    "hcl": "terraform tf",
    "html": "htm html-basic",
    "javascript": "js mjs cjs",
    "django": "html+django xml+django css+django javascript+django",
    "jinja": "jinja2 html+jinja xml+jinja css+jinja javascript+jinja",
    "php": "html+php",
    "kotlin": "kt",
    "latex": "tex",
    "makefile": "make mk",
    "lisp": "common-lisp commonlisp",
    "markdown": "md",
    "objective-c": "objc objectivec",
    "perl": "pl",
    "powershell": "ps ps1 pwsh posh",
    "r": "rlang",
    "protobuf": "proto",
    "python": "ipython ipython3 py py3 pycon pycon3 python2 python3 python-repl pytb pycon+sql python+sql",
    "rst": "rest restructuredtext",
    "ruby": "rb",
    "rust": "rs",
    "sql": "plpgsql postgres postgresql psql postgres-console sqlite3",
    "text": "plain plaintext txt",
    "typescript": "ts mts cts",
    "vbnet": "vb vb.net",
    "yaml": "yml",
}
# Names that say "no language", and words of highlighters that stand where a language could.
_NOTHING = frozenset(
    {"default", "none", "notranslate", "nohighlight", "no-highlight", "auto", "undefined", "null", "wrapper"}
)

KNOWN_LANGUAGES = frozenset(_KNOWN.split())
_PREFIX = re.compile(r"^(?:source|text|language|lang)-")
_FOLDED = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


def folded(name: str) -> str | None:
    """The one name for what `name` means (`py`, `python3`, `pycon` → `python`), None when it means no language.

    A session in a shell of an operating system is `console`; one of an interpreter goes by its language.
    """
    name = _PREFIX.sub("", name.strip().lower(), count=1)
    if not name or name in _NOTHING:
        return None
    return _FOLDED.get(name, name)


def known(name: str) -> str | None:
    """The same, but None for a name that is not a language on the list."""
    language = folded(name)
    return language if language in KNOWN_LANGUAGES else None
