"""What every statistic, label and caveat means and where it comes from: for the page's help, and to be cited."""

from __future__ import annotations

from dataclasses import dataclass

from attnwidget.statistics.partition import PARTS
from attnwidget.statistics.texts import table, text_of

#: Units and sources by statistic; titles and definitions are in the texts of each language.
_OWN = "attnwidget"
_CLARK, _KOBAYASHI = "Clark et al. 2019, arXiv:1906.04341", "Kobayashi et al. 2020, arXiv:2004.10102"
_GU, _VOITA = "Gu et al. 2025, arXiv:2410.10781", "Voita et al. 2019, arXiv:1905.09418"
_OLSSON, _ABNAR = "Olsson et al. 2022, arXiv:2209.11895", "Abnar & Zuidema 2020, arXiv:2005.00928"
_PARK = "after Park et al. 2023, arXiv:2305.00729"
_MOHEBBI, _CHEFER = "Mohebbi et al. 2023, arXiv:2301.12971", "Chefer et al. 2021, arXiv:2103.15679"
_SHARE, _NATS, _KEYS, _ONE = "share of weight", "nats", "keys", "0 to 1"

_ENTRIES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("cls", "sep", "punct", "delimiters", "self", "prev", "next", "window"), (_SHARE, _CLARK)),
    **dict.fromkeys(("other", "word", "first"), (_SHARE, _OWN)),
    **dict.fromkeys(("sep_to_sep", "rest_to_sep", "cls_from_others"), (_SHARE, _CLARK)),
    **dict.fromkeys(("cls_row_self", "cls_row_content"), (_SHARE, _OWN)),
    "cls_row_entropy": (_ONE, _CLARK),
    **dict.fromkeys(("distance", "signed_distance"), ("tokens", _OWN)),
    "entropy": (_NATS, _CLARK),
    "entropy_norm": (_ONE, _CLARK),
    **dict.fromkeys(("effective_keys", "k90"), (_KEYS, _OWN)),
    "max": (_SHARE, _VOITA),
    "coverage": (_ONE, _OWN),
    "mi": (_NATS, _PARK),
    "mi_norm": (_ONE, _PARK),
    **dict.fromkeys(("r2_offset", "r2_kind", "r2_joint", "content"), ("share of variance", _OWN)),
    **dict.fromkeys(("a_to_a", "a_to_b", "b_to_a", "b_to_b", "to_sep1", "to_sep2", "to_cls"), (_SHARE, _OWN)),
    **dict.fromkeys(("cross_share", "cross_lift"), ("ratio", _OWN)),
    "prefix": (_SHARE, _OLSSON),
    **dict.fromkeys(("sink", "sink_first"), (_SHARE, _GU)),
    "sink_rate": ("share of texts", _GU),
    **dict.fromkeys(
        (f"norm_{kind}" for kind in ("cls", "sep", "punct", "other", "word", "first")), (_SHARE, _KOBAYASHI)
    ),
    **dict.fromkeys(
        (f"value_{kind}" for kind in ("cls", "sep", "punct", "other", "word", "first")), ("residual stream", _KOBAYASHI)
    ),
    **dict.fromkeys(PARTS, (_SHARE, _OWN)),
    **dict.fromkeys((f"norm_{part}" for part in PARTS), (_SHARE, _KOBAYASHI)),
    "written": ("residual stream", _KOBAYASHI),
    "nu": ("ratio", _OWN),
    **dict.fromkeys(("induction", "duplicate", "previous_random"), (_SHARE, _OLSSON)),
    "js": (_NATS, _CLARK),
    "rollout": (_SHARE, _ABNAR),
    "flow": (_SHARE, _ABNAR),
    "trace": (_SHARE, _OWN),
    "value_zeroing": ("1 − cosine", _MOHEBBI),
    "ablation": ("1 − cosine", _OWN),
    "gradient": ("1 / target", _CHEFER),
}


@dataclass(frozen=True)
class Definition:
    """A statistic for readers: its title and definition in their language, its unit, and who defined it."""

    name: str
    title: str
    text: str
    unit: str
    source: str


def names() -> tuple[str, ...]:
    """Statistics that have a definition."""
    return tuple(_ENTRIES)


def is_defined(name: str) -> bool:
    """Whether a statistic has a definition."""
    return name in _ENTRIES


def ids(name: str) -> dict[str, str]:
    """Where the words of a definition are in ``locale/statistics/{lang}.json``, with its unit and source."""
    unit, source = _ENTRIES[name]
    return {"title": f"statistic.{name}", "text": f"define.{name}", "unit": unit, "source": source}


def definition(name: str, lang: str = "en") -> Definition:
    """The definition of a statistic.

    Raises
    ------
    KeyError
        There is no statistic of this name; the message lists those that there are.
    """
    if name not in _ENTRIES:
        raise KeyError(f"{name!r} is not one of {', '.join(_ENTRIES)}")
    unit, source = _ENTRIES[name]
    return Definition(name, text_of(lang, f"statistic.{name}"), text_of(lang, f"define.{name}"), unit, source)


def label_definition(label: str, lang: str = "en") -> str:
    """The rule behind a label, with its threshold and source."""
    return text_of(lang, f"rule.{label}")


def caveats(lang: str = "en") -> dict[str, str]:
    """Caveats by name, for the places where they have to be said."""
    start = "caveat."
    return {key.removeprefix(start): text for key, text in table(lang).items() if key.startswith(start)}
