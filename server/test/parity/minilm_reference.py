"""Writes minilm-expected.json: what sentence-transformers computes with all-MiniLM-L6-v2.

    pip install sentence-transformers
    python minilm_reference.py FOLDER

FOLDER holds the model as it is published (config, tokenizer, weights in safetensors); it needs no ONNX file. The
vectors are little-endian float32 in base64.
"""

import base64
import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from sentence_transformers import SentenceTransformer

LONG = (
    "A tin of twelve pencils for children who draw, with a sharpener in the lid and a label for the name; "
    "the colours are bright, mix well with water and wash out of most clothes. "
)

TEXTS = [
    "a red coffee mug",
    "crimson cup for coffee",
    "garden hose",
    "",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "SET/20 RED RETROSPOT PAPER NAPKINS, 33 x 33 cm",
    "el yapımı kırmızı seramik kupa, bulaşık makinesinde yıkanabilir",
    "İSTANBUL ışıkları: ŞİŞE ÇEŞİTLERİ",
    "crème brûlée dish — naïve façade",
    "3€ ☕ 🎁 gift, <b>wrapped</b> & ready!",
    "日本の急須 teapot",
    "antidisestablishmentarianism" * 5,
    # more tokens than the model accepts: what is cut off must not count, and the cut position must match
    LONG * 4,
    LONG * 40,
]


def main(folder: str) -> None:
    model = SentenceTransformer(folder, device="cpu")
    vectors = model.encode(TEXTS, normalize_embeddings=True, batch_size=1)
    weights = Path(folder) / "model.safetensors"
    out = {
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "made_with": {name: version(name) for name in ("sentence-transformers", "torch")},
        "max_seq_length": model.max_seq_length,
        "texts": [
            {"text": text, "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
            for text, vector in zip(TEXTS, vectors, strict=True)
        ],
    }
    target = Path(__file__).parent / "minilm-expected.json"
    target.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(TEXTS)} texts, {vectors.shape[1]} dimensions: {target}")


if __name__ == "__main__":
    main(sys.argv[1])
