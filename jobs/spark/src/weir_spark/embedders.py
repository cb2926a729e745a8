"""Texts to vectors in the tasks, on a GPU when there is one, else on the CPU."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from weir_spark.log import log
from weir_spark.lsa import CpuLsa, GpuLsa, Vectors, read_model, unit

_BATCH = 512


class Embedder(Protocol):
    device: str

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class EmbedderSettings:
    """`model`: lsa or transformer. `device`: auto, cpu or gpu."""

    model: str
    path: str
    device: str


class WithFallback:
    """The first embedder until it fails, then the second for good; each failure is logged and counted."""

    def __init__(self, gpu: Callable[[], Embedder], cpu: Callable[[], Embedder]) -> None:
        self._cpu = cpu
        self.fallbacks = 0
        try:
            self._current = gpu()
        except Exception as error:
            self._current = self._fall_back(error)

    @property
    def device(self) -> str:
        return self._current.device

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self._current.device != "cpu":
            try:
                return self._current.embed(texts)
            except Exception as error:
                self._current = self._fall_back(error)
        return self._current.embed(texts)

    def _fall_back(self, error: Exception) -> Embedder:
        self.fallbacks += 1
        log("warn", "the GPU is not used, embedding continues on the CPU", error=repr(error))
        return self._cpu()


class Transformer:
    """A sentence-transformer; `path` is a folder or a name."""

    def __init__(self, path: str, device: str) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        self.device = device
        self._model = SentenceTransformer(path, device="cuda" if device == "gpu" else "cpu")

    def embed(self, texts: Sequence[str]) -> Vectors:
        return unit(np.asarray(self._model.encode(list(texts), batch_size=64, show_progress_bar=False)))


def open_embedder(settings: EmbedderSettings) -> WithFallback:
    def made(device: str) -> Embedder:
        if settings.model == "transformer":
            return Transformer(settings.path, device)
        model = read_model(settings.path)
        return GpuLsa(model) if device == "gpu" else CpuLsa(model)

    def cpu() -> Embedder:
        return made("cpu")

    if settings.device == "cpu" or (settings.device == "auto" and not _has_gpu(settings.model)):
        return WithFallback(cpu, cpu)
    return WithFallback(lambda: made("gpu"), cpu)


def _has_gpu(model: str) -> bool:
    """Whether the libraries are installed and see a GPU; that they are not is no failure."""
    try:
        if model == "transformer":
            import torch  # noqa: PLC0415

            return bool(torch.cuda.is_available())
        import cupy  # noqa: PLC0415

        return bool(cupy.cuda.runtime.getDeviceCount() > 0)
    except Exception:
        return False


@dataclass(frozen=True)
class Embedded:
    """Vectors of some texts, in their order, float32."""

    texts: tuple[str, ...]
    vectors: bytes
    device: str
    fallbacks: int


@lru_cache(maxsize=2)
def _embedder_of_worker(settings: EmbedderSettings) -> WithFallback:
    # Spark reuses the Python of a task for later ones: the model is read once
    return open_embedder(settings)


def embed_texts(texts: Iterable[Any], settings: EmbedderSettings) -> Iterator[Embedded]:
    """Runs in a task, or in the driver for few texts."""
    embedder = _embedder_of_worker(settings)
    remaining = list(texts)
    for start in range(0, len(remaining), _BATCH):
        some = tuple(remaining[start : start + _BATCH])
        vectors = embedder.embed(some)
        fallbacks, embedder.fallbacks = embedder.fallbacks, 0
        yield Embedded(some, vectors.astype("<f4").tobytes(), embedder.device, fallbacks)
