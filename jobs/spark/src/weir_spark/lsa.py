"""The embedder `lsa`, from the file of a fitted model: the layout is in server/src/adapters/embeddings/lsa/model.ts."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class LsaModel:
    header: dict[str, Any]
    idf: NDArray[np.float64]
    # features x dimension
    components: NDArray[np.float32]

    @property
    def id(self) -> str:
        return str(self.header["id"])

    @property
    def dimension(self) -> int:
        return int(self.header["dimension"])


def read_model(path: str) -> LsaModel:
    """Raises ValueError for a file that is no model or is damaged."""
    data = Path(path).read_bytes()
    if data[:8] != b"WEIRLSA1":
        raise ValueError(f"{path} is not the file of a model")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError(f"{path} is damaged")
    start = 12 + int.from_bytes(data[8:12], "little")
    header = json.loads(data[12:start])
    if header["parameters"]["fold"] != "weir-fold-1":
        raise ValueError(f"{path} is of another version of Weir: update the job")
    features = header["features"]
    floats = np.frombuffer(data[start:-32], dtype="<f4")
    idf = floats[:features].astype(np.float64)
    return LsaModel(header, idf, floats[features:].reshape(features, header["dimension"]))


def weights_of(model: LsaModel) -> Pipeline:
    """Texts to a sparse matrix of TF-IDF weights. Strings are the CPU's work in any case."""
    parameters = model.header["parameters"]

    def hashed(features: int, **options: Any) -> HashingVectorizer:
        return HashingVectorizer(n_features=features, norm=None, alternate_sign=False, preprocessor=fold, **options)

    lengths = tuple(parameters["char"]["lengths"])
    union = FeatureUnion(
        [
            ("word", hashed(parameters["word"]["features"], token_pattern=r"\S+")),
            ("char", hashed(parameters["char"]["features"], analyzer="char_wb", ngram_range=lengths)),
        ]
    )
    tfidf = TfidfTransformer(norm="l2", smooth_idf=True, sublinear_tf=parameters["sublinearTf"])
    tfidf.idf_ = model.idf
    return Pipeline([("features", union), ("tfidf", tfidf)])


def unit(vectors: NDArray[Any]) -> Vectors:
    """Rows of length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)


class CpuLsa:
    device = "cpu"

    def __init__(self, model: LsaModel) -> None:
        self._weights = weights_of(model)
        self._components = model.components.astype(np.float64)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return unit(self._weights.transform(texts) @ self._components)


class GpuLsa:
    """The projection on a GPU through CuPy, which RAPIDS brings. Raises when there is neither."""

    device = "gpu"

    def __init__(self, model: LsaModel) -> None:
        import cupy  # noqa: PLC0415
        import cupyx.scipy.sparse  # noqa: PLC0415

        if cupy.cuda.runtime.getDeviceCount() < 1:
            raise RuntimeError("there is no GPU")
        self._cupy = cupy
        self._sparse = cupyx.scipy.sparse
        self._weights = weights_of(model)
        self._components = cupy.asarray(model.components, dtype=cupy.float64)

    def embed(self, texts: Sequence[str]) -> Vectors:
        weights = self._sparse.csr_matrix(self._weights.transform(texts).tocsr())
        return unit(self._cupy.asnumpy(weights @ self._components))


def fold(text: str) -> str:
    """server/src/adapters/embeddings/fold.ts; the reasons are given there."""
    folded = _without_marks(_without_marks(unicodedata.normalize("NFKD", text)).lower())
    folded = folded.replace("ı", "i").replace("ς", "σ").replace("ß", "ss")
    return " ".join("".join(c if _is_word(c) else " " for c in folded).split(" ")).strip()


def _without_marks(text: str) -> str:
    return "".join(c for c in text if not unicodedata.category(c).startswith("M"))


def _is_word(c: str) -> bool:
    return c == "_" or unicodedata.category(c)[0] in "LN"
