"""Names of programming languages as highlighters write them, folded to one name each."""

from __future__ import annotations

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
    "bash": "sh shell zsh",
    "batch": "bat",
    "coffeescript": "coffee",
    "console": "shell-session shellsession",
    "cpp": "c++ cc cxx h++",
    "csharp": "c# cs",
    "diff": "patch",
    "dockerfile": "docker",
    "elixir": "ex exs",
    "go": "golang",
    "graphql": "gql",
    "haskell": "hs",
    "hcl": "terraform",
    "html": "htm html-basic",
    "javascript": "js mjs",
    "jinja": "jinja2",
    "kotlin": "kt",
    "latex": "tex",
    "makefile": "make",
    "markdown": "md",
    "objective-c": "objc objectivec",
    "perl": "pl",
    "powershell": "ps ps1",
    "protobuf": "proto",
    "python": "ipython ipython3 py py3 pycon pycon3 python2 python3",
    "rst": "rest restructuredtext",
    "ruby": "rb",
    "rust": "rs",
    "sql": "plpgsql postgres postgresql psql",
    "text": "plain plaintext txt",
    "typescript": "ts",
    "vbnet": "vb",
    "yaml": "yml",
}
# Names that say "no language", and words of highlighters that stand where a language could.
_NOTHING = frozenset({"default", "none", "notranslate", "nohighlight", "no-highlight"})

KNOWN_LANGUAGES = frozenset(_KNOWN.split())
_FOLDED = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


def folded(name: str) -> str | None:
    """The one name for what `name` means (`py`, `python3`, `pycon` → `python`), None when it means no language."""
    name = name.strip().lower().removeprefix("source-").removeprefix("text-")
    if not name or name in _NOTHING:
        return None
    return _FOLDED.get(name, name)


def known(name: str) -> str | None:
    """The same, but None for a name that is not a language on the list."""
    language = folded(name)
    return language if language in KNOWN_LANGUAGES else None
