"""Writes tiny-transformer/: a sentence-transformer of 24 words and 8 dimensions, and what it must answer.

    python make_tiny_transformer.py

The expected vectors come from numpy and from tokens that are written out by hand here: neither an ONNX runtime
nor a tokenizer has a part in them.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "tiny-transformer"
LONGEST = 8
WORDS = "[PAD] [UNK] [CLS] [SEP] red blue coffee mug tea cup glass ##es ##s wooden box lamp".split()
DIMENSION = 8

random = np.random.default_rng(7)
# the filler's row is large: an average that includes it is far off
embedding = random.normal(size=(len(WORDS), DIMENSION)).astype(np.float32)
embedding[0] = 50
dense = random.normal(size=(DIMENSION, DIMENSION)).astype(np.float32)

# text, and its WordPiece tokens, before truncation
TEXTS: list[tuple[str, str]] = [
    ("red mug", "red mug"),
    ("Blue Coffee MUGS", "blue coffee mug ##s"),
    ("glasses, teas", "glass ##es [UNK] tea ##s"),
    ("", ""),
    ("velvet", "[UNK]"),
    ("red blue coffee mug tea cup", "red blue coffee mug tea cup"),
    ("red blue coffee mug tea cup wooden box lamp", "red blue coffee mug tea cup wooden box lamp"),
]


def expected(pieces: str) -> list[float]:
    kept = ["[CLS]", *pieces.split()][: LONGEST - 1] + ["[SEP]"]
    states = np.tanh(embedding[[WORDS.index(piece) for piece in kept]].astype(np.float64) @ dense)
    mean = states.mean(axis=0)
    return list(mean / np.linalg.norm(mean))


def model() -> onnx.ModelProto:
    ids = ["batch", "length"]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["embedding", "input_ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "dense"], ["mixed"]),
            helper.make_node("Tanh", ["mixed"], ["last_hidden_state"]),
        ],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ids) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*ids, DIMENSION])],
        [numpy_helper.from_array(embedding, "embedding"), numpy_helper.from_array(dense, "dense")],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def tokenizer() -> dict[str, object]:
    special = [
        {"id": n, "content": WORDS[n], "special": True}
        | dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
        for n in range(4)
    ]
    ends = {name: {"id": name, "ids": [WORDS.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    first, last = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]"))
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0",
        # both are for training, and must be ignored
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {
            "strategy": {"Fixed": 16},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, text, last],
            "pair": [first, text, last],
            "special_tokens": ends,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: n for n, word in enumerate(WORDS)},
        },
    }


def write(name: str, content: object) -> None:
    (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    write("tokenizer.json", tokenizer())
    write("tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 4})
    write("config.json", {"hidden_size": DIMENSION, "pad_token_id": 0, "max_position_embeddings": 512})
    write("sentence_bert_config.json", {"max_seq_length": LONGEST})
    write("1_Pooling/config.json", {"pooling_mode_mean_tokens": True})
    write("expected.json", [{"text": text, "vector": expected(pieces)} for text, pieces in TEXTS])
    onnx.save(model(), str(FOLDER / "model.onnx"))
