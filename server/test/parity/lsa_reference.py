"""The embedder `lsa` in scikit-learn, built from a model file that Weir exported.

    python lsa_reference.py MODEL [--control lower] < texts > vectors

Reads one JSON string a line, writes the vectors as little-endian float64, one after the other. `pipeline` is
also what to take for cuML: only the vectorizers' names differ. `--control lower` folds as scikit-learn does by
default; the vectors must then differ.
"""

import hashlib
import json
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer


def fold(text: str) -> str:
    """server/src/adapters/embeddings/fold.ts; the reasons are given there."""
    folded = without_marks(without_marks(unicodedata.normalize("NFKD", text)).lower())
    folded = folded.replace("ı", "i").replace("ς", "σ").replace("ß", "ss")
    return " ".join("".join(c if is_word(c) else " " for c in folded).split(" ")).strip()


def without_marks(text: str) -> str:
    return "".join(c for c in text if not unicodedata.category(c).startswith("M"))


def is_word(c: str) -> bool:
    return c == "_" or unicodedata.category(c)[0] in "LN"


def read_model(path: str) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The header, idf and components, in the layout of server/src/adapters/embeddings/lsa/model.ts."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"WEIRLSA1", "not a model file"
    assert hashlib.sha256(data[:-32]).digest() == data[-32:], "the model file is damaged"
    start = 12 + int.from_bytes(data[8:12], "little")
    header = json.loads(data[12:start])
    features, dimension = header["features"], header["dimension"]
    floats = np.frombuffer(data[start:-32], dtype="<f4").astype(np.float64)
    return header, floats[:features], floats[features:].reshape(features, dimension).T


def pipeline(path: str, preprocessor: Callable[[str], str] = fold) -> Pipeline:
    """Texts to unit vectors."""
    header, idf, components = read_model(path)
    parameters = header["parameters"]
    assert parameters["fold"] == "weir-fold-1"

    def hashed(features: int, **options: Any) -> HashingVectorizer:
        return HashingVectorizer(
            n_features=features,
            norm=None,
            alternate_sign=False,
            preprocessor=preprocessor,
            **options,
        )

    features = FeatureUnion(
        [
            ("word", hashed(parameters["word"]["features"], token_pattern=r"\S+")),
            (
                "char",
                hashed(
                    parameters["char"]["features"],
                    analyzer="char_wb",
                    ngram_range=tuple(parameters["char"]["lengths"]),
                ),
            ),
        ]
    )
    tfidf = TfidfTransformer(norm="l2", smooth_idf=True, sublinear_tf=parameters["sublinearTf"])
    tfidf.idf_ = idf
    svd = TruncatedSVD(n_components=header["dimension"])
    svd.components_ = components
    return Pipeline(
        [("features", features), ("tfidf", tfidf), ("svd", svd), ("unit", Normalizer())]
    )


def main(model: str, control: str | None = None) -> None:
    texts = [json.loads(line) for line in sys.stdin.buffer]
    preprocessor = str.lower if control == "lower" else fold
    vectors = pipeline(model, preprocessor).transform(texts)
    sys.stdout.buffer.write(np.ascontiguousarray(vectors, dtype="<f8").tobytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None)
