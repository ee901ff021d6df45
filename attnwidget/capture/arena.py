"""Memory of a capture: its tensors lie in pages of their own, so that what is let go goes back to the system.

A capture is made in the middle of a forward pass, between activations that live for a moment. What the usual allocator
puts between those keeps the whole region in use: twice as much stays taken as is held. So every large tensor gets pages
straight from the system, and these go back the moment the tensor dies; small ones are left to the usual allocator.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Store = Literal["float16", "bfloat16"]
STORES: tuple[Store, ...] = ("float16", "bfloat16")

#: Bytes from which a tensor gets pages of its own: of less, page ends would be lost and mappings would be too many.
_LARGE = 1 << 17


#: Bytes of tensors from which a capture looks after what the forward pass has left behind.
_TIDIED = 1 << 24


class Arena:
    """Where the tensors of one text are kept.

    Parameters
    ----------
    store : "float16" or "bfloat16", optional
        Halves what float32 takes, by rounding to 11 or 8 bits: weights of MiniLM over 343 tokens are then off by 0.0025
        or 0.017 at most. What float16 cannot hold (above 65504) is kept as it came.
    spill : path of a folder, optional
        Large tensors are kept in unnamed files there instead of in memory; they vanish with the capture.

    Raises
    ------
    ValueError
        For an unknown `store`.
    FileNotFoundError
        Where `spill` is no folder.
    """

    def __init__(self, store: Store | None = None, spill: str | os.PathLike[str] | None = None) -> None:
        if store is not None and store not in STORES:
            raise ValueError(f"store={store!r} is not one of None, {', '.join(map(repr, STORES))}")
        if spill is not None and not Path(spill).is_dir():
            raise FileNotFoundError(f"spill={str(spill)!r} is not a folder")
        self.store = store
        self.spill = None if spill is None else Path(spill)
        self._kept = 0
        self._files: list[mmap.mmap] = []

    def keep(self, tensor: Any) -> tuple[npt.NDArray[Any], bool]:
        """A copy of a torch tensor (any device, detached), and whether it lies on disk.

        Returns
        -------
        float32 or float16 array, or uint16 for bfloat16: the upper halves of float32
        """
        import torch

        tensor = tensor.detach()
        return self._copy(tensor, tensor.dtype if tensor.dtype in (torch.float16, torch.bfloat16) else torch.float32)

    def narrow(self, array: npt.NDArray[Any], on_disk: bool) -> tuple[npt.NDArray[Any], bool]:
        """What `keep` gave, as `store` wants it. Not at once: the self-check compares what the model computed with."""
        import torch

        if self.store is None or array.dtype != np.float32:
            return array, on_disk
        narrow, there = self._copy(torch.from_numpy(array), getattr(torch, self.store))
        return (array, on_disk) if narrow.dtype == np.float16 and not np.isfinite(narrow).all() else (narrow, there)

    def tidy(self) -> None:
        """Have the usual allocator return what the forward pass has freed, where that may be much.

        glibc keeps it, at times as much as the capture itself, and reports it as taken by this process.
        """
        # The self-check has read some of what was written.
        for pages in self._files:
            _let_go(pages)
        self._files.clear()
        if self._kept < _TIDIED:
            return
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (AttributeError, OSError, TypeError):  # another C library, which has its own ways
            return

    def _copy(self, tensor: Any, dtype: Any) -> tuple[npt.NDArray[Any], bool]:
        import torch

        halves = dtype == torch.bfloat16
        size = 4 if dtype == torch.float32 else 2
        self._kept += tensor.numel() * size
        pages = self._pages(tensor.numel() * size)
        plain = np.dtype(np.int16 if halves else np.float16 if size == 2 else np.float32)
        flat = np.empty(tensor.numel(), plain) if pages is None else np.frombuffer(pages, plain)
        array: npt.NDArray[Any] = flat.reshape(tuple(tensor.shape))
        into = torch.from_numpy(array)
        # One pass from wherever the tensor is, in whatever precision and order: no copy in between.
        (into.view(torch.bfloat16) if halves else into).copy_(tensor)
        if pages is not None and self.spill is not None:
            pages.flush()
            _let_go(pages)
            self._files.append(pages)
        return array.view(np.uint16) if halves else array, pages is not None and self.spill is not None

    def _pages(self, nbytes: int) -> mmap.mmap | None:
        if nbytes < _LARGE:
            return None
        if self.spill is not None:
            with tempfile.TemporaryFile(dir=self.spill, prefix="attnwidget-") as file:
                file.truncate(nbytes)
                return mmap.mmap(file.fileno(), nbytes)
        if hasattr(mmap, "MAP_ANONYMOUS"):
            # Private: a shared mapping would be seen, and written to, by processes forked from this one.
            return mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return mmap.mmap(-1, nbytes)


def _let_go(pages: mmap.mmap) -> None:
    """Pages of a file need not stay in memory: they come back when they are read."""
    if hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)
