"""Profiles of corpora: merging, saving, resuming, errors, interrupts, and what is known of a real BERT."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import pytest
import torch
from sentences import sentences

from attnwidget import Attention, HeadProfile, capture, profile, profiles
from attnwidget.statistics.accumulators import Moments, poisson_weights
from attnwidget.statistics.heads import HeadStatistics, statistics
from attnwidget.statistics.induction import induction_scores, repeated_tokens
from attnwidget.statistics.interventions import ablate

ARRAYS = ("count", "mean", "m2", "low", "high")


def weights_of_texts(number: int, seed: int = 0) -> Iterator[Any]:
    """[2 layers, 3 heads, n, n] of each text, n from 5 to 13."""
    draw = np.random.default_rng(seed)
    for _ in range(number):
        n = int(draw.integers(5, 14))
        yield draw.dirichlet(np.full(n, 0.3), (2, 3, n))


def texts_of_arrays(number: int, seed: int = 0, **settings: Any) -> list[HeadStatistics]:
    out = []
    for i, weights in enumerate(weights_of_texts(number, seed)):
        tokens = ["[CLS]", *(f"w{j}" for j in range(len(weights[0, 0]) - 3)), ".", "[SEP]"]
        attention = Attention.from_arrays(weights, tokens, text=f"text {seed} {i}")
        out.append(statistics(attention, **settings))
    return out


def same(a: HeadProfile, b: HeadProfile, near: float = 1e-12) -> None:
    assert (a.pairs is None, a.induction is None) == (b.pairs is None, b.induction is None)
    for name in ("moments", "baselines", "layers", "induction", "pairs"):
        if getattr(a, name) is None:
            continue
        for part in ARRAYS:
            one, two = getattr(getattr(a, name), part), getattr(getattr(b, name), part)
            np.testing.assert_allclose(one, two, rtol=near, atol=near, err_msg=f"{name}.{part}")
    for key in a.sums:
        np.testing.assert_allclose(a.sums[key], b.sums[key], rtol=near, atol=near, err_msg=key)
    for part in ("count", "total", "base"):
        np.testing.assert_allclose(getattr(a.replicates, part), getattr(b.replicates, part), rtol=near, atol=near)
    np.testing.assert_array_equal(a.histograms, b.histograms)
    assert (a.counts, a.lengths, a.sinks) == (b.counts, b.lengths, b.sinks)


def divergence(p: Any, q: Any) -> float:
    """Jensen–Shannon divergence of two rows, term by term."""
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    return sum(sum(x * math.log(x / m) for x, m in zip(row, middle, strict=True) if x > 0) / 2 for row in (p, q))


def test_distances_of_heads_over_a_corpus_are_those_of_a_loop(tmp_path: Path) -> None:
    texts = texts_of_arrays(7, distances=True)
    whole = HeadProfile.from_statistics(texts)
    found = whole.distances()
    expected = np.zeros((7, 6, 6))
    for t, weights in enumerate(weights_of_texts(7)):
        heads = weights.astype(np.float32).astype(np.float64).reshape(6, *weights.shape[2:])
        for a in range(6):
            for b in range(6):
                rows = [divergence(p, q) for p, q in zip(heads[a], heads[b], strict=True)]
                expected[t, a, b] = sum(rows) / len(rows)
    np.testing.assert_allclose(found, expected.mean(0), atol=1e-9)
    assert whole.pairs is not None
    upper = np.triu_indices(6, 1)
    np.testing.assert_allclose(whole.pairs.errors, (expected.std(0, ddof=1) / np.sqrt(7))[upper], atol=1e-9)
    a, b, c = (HeadProfile.from_statistics(texts[i::3]) for i in range(3))
    for merged in (a.merge(b).merge(c), c.merge(b.merge(a))):
        same(merged, whole)
        np.testing.assert_allclose(merged.distances(), found, rtol=1e-12, atol=1e-12)
    whole.save(tmp_path / "profile.npz")
    same(HeadProfile.load(tmp_path / "profile.npz"), whole, 0)
    assert np.array(whole.to_dict()["distances"]) == pytest.approx(found, rel=1e-6)
    without = HeadProfile.from_statistics(texts_of_arrays(2))
    assert without.to_dict()["distances"] is None
    with pytest.raises(ValueError, match=r"holds no distances between heads: use profile\(\.\.\., distances=True\)"):
        without.distances()
    with pytest.raises(ValueError, match="only one of them holds distances"):
        whole.merge(without)


def test_moments_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(3, 2, (50, 4))
    values[::7, 2] = np.nan
    total = Moments.empty((4,))
    for row in values:
        total = total.merge(Moments.of(row))
    np.testing.assert_allclose(total.means, np.nanmean(values, 0), rtol=1e-13)
    number = (~np.isnan(values)).sum(0)
    np.testing.assert_allclose(total.errors, np.nanstd(values, 0, ddof=1) / np.sqrt(number), rtol=1e-12)
    np.testing.assert_array_equal(total.low, np.nanmin(values, 0))
    np.testing.assert_array_equal(total.high, np.nanmax(values, 0))
    assert np.isnan(Moments.empty((1,)).means).all()


def test_merging_parts_in_any_order_equals_one_pass() -> None:
    texts = texts_of_arrays(12)
    whole = HeadProfile.from_statistics(texts)
    a, b, c = (HeadProfile.from_statistics(texts[i::3]) for i in range(3))
    same(a.merge(b).merge(c), whole)
    same(c.merge(b.merge(a)), whole)
    assert [x.label for x in c.merge(a).merge(b).labels()] == [x.label for x in whole.labels()]
    reference = np.stack([text["entropy"] for text in texts])
    np.testing.assert_allclose(whole["entropy"], reference.mean(0), rtol=1e-12)
    np.testing.assert_allclose(whole.standard_errors()["entropy"], reference.std(0, ddof=1) / np.sqrt(12), rtol=1e-10)
    with pytest.raises(ValueError, match="seed is 0 here and 1 there"):
        whole.merge(replace(a, seed=1))


def test_replicates_are_seeded_by_the_text() -> None:
    first = poisson_weights("text", 200, 0)
    np.testing.assert_array_equal(first, poisson_weights("text", 200, 0))
    assert (first != poisson_weights("text", 200, 1)).any()
    many = np.stack([poisson_weights(str(i), 200, 0) for i in range(200)])
    assert many.mean() == pytest.approx(1, abs=0.03)
    assert many.var() == pytest.approx(1, abs=0.05)


def test_what_position_and_kind_explain_is_pooled_over_the_corpus() -> None:
    texts = texts_of_arrays(30)
    whole = HeadProfile.from_statistics(texts)
    # In one short text nearly every cell is a group of its own; over many texts random weights explain nothing.
    assert min(text["r2_joint"].min() for text in texts) > 0.1
    assert whole["r2_joint"].max() < 0.1
    np.testing.assert_allclose(whole["content"], 1 - whole["r2_joint"])


def test_saved_profiles_come_back(tmp_path: Path) -> None:
    whole = HeadProfile.from_statistics(texts_of_arrays(4))
    whole = replace(whole, errors=((3, "bad", "ValueError: no"),), interrupted=True)
    whole.save(tmp_path / "profile.npz")
    back = HeadProfile.load(tmp_path / "profile.npz")
    same(whole, back, 0)
    assert (back.errors, back.interrupted, back.names) == (whole.errors, True, whole.names)
    assert back.verdict("ja") == whole.verdict("ja")
    assert [p.name for p in tmp_path.iterdir()] == ["profile.npz"]
    link = tmp_path / "link.npz"
    link.symlink_to("profile.npz")
    replace(whole, seed=7).save(link)
    assert link.is_symlink()
    assert HeadProfile.load(tmp_path / "profile.npz").seed == 7
    np.save(tmp_path / "array.npy", np.zeros(2))
    with pytest.raises(ValueError, match="not a saved profile"):
        HeadProfile.load(tmp_path / "array.npy")
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="not a saved profile"):
        HeadProfile.load(tmp_path / "other.npz")
    with np.load(tmp_path / "profile.npz") as found:
        arrays = dict(found)
    older = arrays["about"].tobytes().replace(b'"version": 2', b'"version": 1')
    np.savez(tmp_path / "older.npz", **{**arrays, "about": np.frombuffer(older, np.uint8)})
    with pytest.raises(ValueError, match="version 1: only version 2 can be read; profile the texts again"):
        HeadProfile.load(tmp_path / "older.npz")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, about=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        HeadProfile.load(pickled)


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    return sentences(60)


@pytest.fixture(scope="module")
def of_minilm(minilm: Any, corpus: list[str]) -> HeadProfile:
    return profile(minilm, (text for text in corpus), progress=False)


def test_batches_are_as_single_texts(minilm: Any, corpus: list[str], of_minilm: HeadProfile) -> None:
    single = HeadProfile.from_statistics(
        statistics(one) for text in corpus if isinstance(one := capture(minilm, text), Attention)
    )
    for name in of_minilm.names:
        at = of_minilm.names.index(name)
        if name not in ("k90", "sink_rate"):  # counts jump where a weight is on the edge
            np.testing.assert_allclose(
                of_minilm.moments.mean[at], single.moments.mean[at], rtol=1e-5, atol=1e-5, err_msg=name
            )


def test_what_is_known_of_minilm(of_minilm: HeadProfile) -> None:
    found = of_minilm
    assert (found.texts, found.diagnosis, found.errors) == (60, "ordinary", ())
    assert found["cls"].mean() > 5 * found["sep"].mean()
    assert (found["sep"][1:].mean(1) < found.summary().baselines["sep"]).all()
    # The [CLS] row looks at itself in the middle layers, at words in the last.
    assert (found["cls_row_self"][1:5].mean(1) > 0.85).all()
    assert (found["cls_row_entropy"][1:5].mean(1) < 0.25).all()
    assert found["cls_row_content"][5].mean() > 0.5
    labels = {(label.layer, label.head): label for label in found.labels()}
    assert [at for at, label in labels.items() if label.label == "previous"] == [(0, 2)]
    assert "strict" in labels[0, 2].tags
    assert [at for at, label in labels.items() if label.label == "next"] == [(1, 8)]
    assert "latent:-1" in labels[2, 11].tags
    leaning = found.summary().kappa("cls") >= 0.3
    assert 40 <= leaning.sum() <= 60
    assert (found.summary().nu("cls")[leaning] <= 0.5).sum() >= leaning.sum() - 2
    sinks = [label for label in labels.values() if label.label == "cls_sink"]
    assert len(sinks) >= 10
    assert sum(label.sink == "no-op" for label in sinks) >= len(sinks) - 1
    assert not [label for label in labels.values() if label.label == "sep_sink"]
    assert Counter(label.certainty for label in labels.values())["is"] > 60
    assert "[CLS] sink" in sinks[0].text()
    assert "on these 60 texts" in sinks[0].text()


def test_verdict_says_what_was_measured_and_no_more(of_minilm: HeadProfile) -> None:
    for lang, title, not_said in (("en", "Ordinary", "does not show overfitting"), ("ja", "通常", "過学習")):
        text = of_minilm.verdict(lang)
        assert text.startswith(title)
        assert "[CLS]" in text
        assert not_said in text
    with pytest.raises(ValueError, match="lang must be one of"):
        of_minilm.verdict("fr")


def test_random_twin_is_untrained_like(minilm: Any, minilm_tokenizer: Any, corpus: list[str]) -> None:
    torch.manual_seed(0)
    twin = type(minilm)(minilm.config).eval()
    found = profile(twin, corpus[:25], tokenizer=minilm_tokenizer, progress=False)
    assert found.diagnosis == "untrained"
    assert found.verdict().startswith("Untrained-like")


def test_compare_names_the_head_that_changed(minilm: Any, corpus: list[str], of_minilm: HeadProfile) -> None:
    broken = copy.deepcopy(minilm)
    with torch.no_grad():
        # Without queries a head sees every key alike.
        broken.encoder.layer[0].attention.self.query.weight[2 * 32 : 3 * 32] = 0
        broken.encoder.layer[0].attention.self.query.bias[2 * 32 : 3 * 32] = 0
    comparison = of_minilm.compare(profile(broken, corpus, progress=False))
    first = comparison.changed[0]
    assert (first.layer, first.head, first.before, first.after) == (0, 2, "previous", "broad")
    assert first.low <= first.difference <= first.high
    table = comparison.to_frame()
    assert table.loc[(0, 2), "changed"]
    assert not table.loc[(0, 3), "changed"]
    nothing = of_minilm.compare(of_minilm)
    assert nothing.changed == ()
    assert all(change.difference == change.low == change.high == 0 for change in nothing.heads)


def test_compare_names_what_fine_tuning_changed(
    minilm: Any, minilm_tokenizer: Any, corpus: list[str], of_minilm: HeadProfile
) -> None:
    """A short training that draws one head, the next-token head L1 H8, to [SEP]."""
    tuned = copy.deepcopy(minilm)
    tuned.set_attn_implementation("eager")
    batch = minilm_tokenizer(corpus[:16], return_tensors="pt", padding=True)
    ends = batch["attention_mask"].sum(1) - 1
    attention = tuned.encoder.layer[1].attention.self
    trained = [attention.query.weight, attention.query.bias]
    rows = torch.zeros(384, dtype=torch.bool)
    rows[8 * 32 : 9 * 32] = True
    optimizer = torch.optim.Adam(trained, lr=0.01)
    for _ in range(15):
        weights = tuned(**batch, output_attentions=True).attentions[1][:, 8]
        to_end = weights[torch.arange(16), :, ends]
        loss = -(to_end.clamp_min(1e-6).log() * batch["attention_mask"]).sum() / batch["attention_mask"].sum()
        optimizer.zero_grad()
        loss.backward()
        for parameter in trained:
            assert parameter.grad is not None
            parameter.grad[~rows] = 0
        optimizer.step()
    changed = of_minilm.compare(profile(tuned.eval(), corpus, progress=False)).changed
    assert (changed[0].layer, changed[0].head, changed[0].before, changed[0].after) == (1, 8, "next", "sep_sink")
    assert changed[0].low <= changed[0].difference <= changed[0].high
    # A layer takes what the one below gives: heads below the change, and beside it, are as they were.
    assert all(change.layer > 1 for change in changed[1:])


def test_table_has_a_row_for_each_head(minilm: Any, of_minilm: HeadProfile) -> None:
    table = of_minilm.to_frame()
    assert table.shape[0] == 72
    assert table.loc[(0, 2), "label"] == "previous"
    assert 0 < table.loc[(1, 8), "next_se"] < 0.05
    plain = of_minilm.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["values"]["prev"][0][2] > 0.99
    assert plain["errors"]["prev"][0][2] == pytest.approx(table.loc[(0, 2), "prev_se"], rel=1e-6)
    attention = capture(minilm, "One text.")
    assert isinstance(attention, Attention)
    one = statistics(attention).to_dict()
    assert list(one) == list(plain)
    for name in ("values", "baselines", "kappa", "nu", "layers", "partition", "verdict", "definitions"):
        assert list(one[name]) == list(plain[name]), name
    assert one["labels"][0].keys() == plain["labels"][0].keys()
    said = "previous token: 1.00 of weight against 0.07 by chance, strictly (9 rows of 10), on these 60 texts"
    assert plain["labels"][2]["text"]["en"] == said
    for by in ("weight", "contribution"):
        for per in ("layer", "head"):
            total = sum(np.array(part) for part in plain["partition"][f"{by}_per_{per}"].values())
            np.testing.assert_allclose(total, 1, atol=1e-6)


def test_a_bad_text_is_reported(minilm: Any) -> None:
    found = profile(minilm, ["One text.", 3, "long " * 600, ("A pair.", "Of texts.")], progress=False)
    assert found.texts == 2
    assert [number for number, _, _ in found.errors] == [1, 2]
    assert "512" in found.errors[1][2]
    assert "2 could not be read" in repr(found)
    cut = profile(minilm, ["long " * 600], progress=False, truncation=True)
    assert cut.lengths == (512, 512)
    with pytest.raises(ValueError, match="no text could be read"):
        profile(minilm, [7], progress=False)
    with pytest.raises(TypeError, match="iterable of texts"):
        profile(minilm, "One text.", progress=False)


def test_interrupt_gives_what_is_done_and_resume_goes_on(minilm: Any, corpus: list[str], tmp_path: Path) -> None:
    path = tmp_path / "run.npz"

    def stopped() -> Iterator[str]:
        yield from corpus[:34]
        raise KeyboardInterrupt

    first = profile(minilm, stopped(), batch_size=1, progress=False, resume=path)
    assert first.interrupted
    assert first.texts == 32  # what was read and not yet measured is left for the next run
    both = profile(minilm, corpus[:40], batch_size=1, progress=False, resume=path)
    assert (both.texts, both.interrupted) == (40, False)
    same(both, profile(minilm, corpus[:40], batch_size=1, progress=False))
    again = profile(minilm, corpus[:40], progress=False, resume=path)
    assert again.texts == 40
    with pytest.raises(ValueError, match="made of other texts"):
        profile(minilm, corpus[::-1], progress=False, resume=path)
    for settings, said in (
        ({"distances": True}, "with distances=False, and this call has True"),
        ({"seed": 5}, "with seed=0, and this call has 5"),
        ({"replicates": 50}, "with replicates=200, and this call has 50"),
        ({"stack": "decoder"}, "with stack='encoder', and this call has 'decoder'"),
    ):
        with pytest.raises(ValueError, match=said):
            profile(minilm, corpus, progress=False, resume=path, **settings)


def test_an_interrupt_between_two_statements_counts_nothing_twice(
    minilm: Any, corpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    hashed, done = profiles._hash, []

    def stopped(number: int, text: Any) -> int:
        done.append(number)
        if len(done) == 3:
            raise KeyboardInterrupt
        return hashed(number, text)

    with monkeypatch.context() as patched:
        patched.setattr(profiles, "_hash", stopped)
        first = profile(minilm, corpus[:6], batch_size=1, progress=False, resume=path)
    assert first.interrupted
    assert profile(minilm, corpus[:6], batch_size=1, progress=False, resume=path).texts == 6


def test_what_cannot_be_saved_is_said_before_any_text_is_read(minilm: Any, tmp_path: Path) -> None:
    def never() -> Iterator[str]:
        pytest.fail("read")
        yield ""

    with pytest.raises(FileNotFoundError, match=r"resume='.*missing/p.npz': there is no folder '.*missing'.* make it"):
        profile(minilm, never(), progress=False, resume=tmp_path / "missing" / "p.npz")


def test_progress_shows_rate_and_time_left(
    minilm: Any, corpus: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tqdm", None)
    profile(minilm, corpus[:4], batch_size=2)
    said = capsys.readouterr().err
    assert "2/4 texts" in said
    assert "texts/s" in said
    assert "s left" in said


def test_causal_models_are_scored_on_repeated_tokens(tiny_llama: Any, minilm_tokenizer: Any) -> None:
    scores = induction_scores(tiny_llama)
    ids = torch.tensor(repeated_tokens(64, 32))
    found = capture(tiny_llama, {"input_ids": ids})
    assert isinstance(found, list)
    expected = np.mean([[[np.mean([one.weights(1, 2)[i, i - 31] for i in range(32, 64)])]] for one in found])
    assert scores["induction"][1, 2] == pytest.approx(expected, rel=1e-5)
    assert scores["duplicate"].shape == (3, 4)


def test_layers_are_more_alike_inside_than_across(minilm: Any, corpus: list[str]) -> None:
    """Clark et al. (2019), section 6; in this model 0.16 inside and 0.19 nats across."""
    found = profile(minilm, corpus[:8], progress=False, distances=True).distances()
    layer = np.repeat(np.arange(6), 12)
    inside = (layer[:, None] == layer) & ~np.eye(72, dtype=bool)
    assert 0.1 < found[inside].mean() < 0.95 * found[layer[:, None] != layer].mean() < math.log(2)
    np.testing.assert_array_equal(np.diag(found), 0)


def test_of_several_stacks_one_is_named(make_model: Any, minilm_tokenizer: Any) -> None:
    settings = {"vocab_size": 30522, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    model = make_model("T5", "T5ForConditionalGeneration", decoder_start_token_id=0, **settings)
    pairs = [("The dog ran.", "Der Hund lief."), ("A cat.", "Eine kleine Katze.")]
    for stack in (None, "vision"):
        with pytest.raises(ValueError, match="one of 'encoder', 'decoder', 'cross'"):
            profile(model, pairs, tokenizer=minilm_tokenizer, stack=stack, progress=False)
    for stack in ("encoder", "decoder", "cross"):
        found = profile(model, pairs, tokenizer=minilm_tokenizer, stack=stack, progress=False)
        assert (found.stack, found.texts, found.errors, found.induction) == (stack, 2, (), None)
        single = [capture(model, source, target=target, tokenizer=minilm_tokenizer) for source, target in pairs]
        expected = [one.statistics(stack=stack)["entropy"] for one in single if isinstance(one, Attention)]
        np.testing.assert_allclose(found["entropy"], np.mean(expected, axis=0), rtol=1e-5)
    with pytest.raises(ValueError, match="T5ForConditionalGeneration reads one text and writes another"):
        ablate(model, "The dog ran.", 0, 0, tokenizer=minilm_tokenizer)
    with pytest.raises(ValueError, match="stack='decoder' is not one of 'encoder'"):
        profile(
            make_model("Bert", "BertModel", vocab_size=30522), ["A dog."], tokenizer=minilm_tokenizer, stack="decoder"
        )


def test_dask_cluster_gives_the_same(minilm_path: str, minilm: Any, corpus: list[str]) -> None:
    parts = [corpus[i : i + 10] for i in range(0, 40, 10)]
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="inproc://"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        futures = client.map(lambda part: profile(minilm_path, part, progress=False, batch_size=1), parts)
        while len(futures) > 1:
            pairs = zip(futures[::2], futures[1::2], strict=True)
            futures = [client.submit(HeadProfile.merge, a, b) for a, b in pairs]
        found = futures[0].result()
    same(found, profile(minilm, corpus[:40], progress=False, batch_size=1))


@pytest.mark.slow
def test_smollm2_has_induction_heads_and_a_first_token_sink() -> None:
    import transformers
    from models import folder

    path = str(folder("smollm2"))
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    found = profile(model, sentences(25), progress=False)
    labels = {(label.layer, label.head): label for label in found.labels()}
    assert labels[18, 6].label == labels[17, 3].label == "induction"
    assert found["induction"][18, 6] > 0.8
    assert 4 <= sum(label.label == "induction" for label in labels.values()) <= 20
    assert sum(label.label == "first_sink" for label in labels.values()) > 60
    assert found["sink_rate"][3:].mean() > 0.8
    assert "first token takes" in found.verdict()
    assert found.diagnosis == "ordinary"
