"""Which model the job embeds with: that of its configuration, or Weir's live model, also after another went live."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weir_spark.config import Config
from weir_spark.embedders import EmbedderSettings, open_embedder
from weir_spark.engine import EngineDatabase
from weir_spark.log import log
from weir_spark.lsa import read_model
from weir_spark.resilience import Unavailable

# Kinds whose file this job can read.
_WITH_FILE = ("lsa", "random-projection")


@dataclass(frozen=True)
class Model:
    """`id` names its collections."""

    id: str
    dimension: int
    settings: EmbedderSettings


CurrentModel = Callable[[], Model]


def configured_model(config: Config) -> Model:
    """Raises ValueError for a file that is no model."""
    about = config.embeddings
    path = about.model_file or ""
    settings = EmbedderSettings(about.model, path, about.device)
    if about.model == "lsa":
        model = read_model(path)
        return Model(model.id, model.dimension, settings)
    dimension = int(open_embedder(settings).embed(["dimension"]).shape[1])
    return Model(about.model_id or f"transformer-{Path(path).name}", dimension, settings)


class LiveModel:
    """Weir's live model, read from the database when it changes. For one thread."""

    def __init__(self, database: EngineDatabase, device: str) -> None:
        self._database = database
        self._device = device
        self._folder = Path(tempfile.mkdtemp(prefix="weir-models-"))
        self._model: Model | None = None
        self._refused: str | None = None

    def __call__(self) -> Model:
        """The previous model while the database does not answer. Raises Unavailable before the first one."""
        try:
            return self._current()
        except Unavailable:
            if self._model is None:
                raise
            return self._model

    def _current(self) -> Model:
        live = self._database.live_model()
        if live is None:
            raise Unavailable("Weir has no model yet")
        if self._model is not None and self._model.id == live.id:
            return self._model
        if live.kind not in _WITH_FILE:
            if self._refused != live.id:
                log("error", "the live model cannot be computed here, points keep the previous one", model=live.id)
                self._refused = live.id
            raise Unavailable(f"model {live.id} is of kind {live.kind}: use the part stream for its points")
        path = self._folder / f"{live.id}.model"
        path.write_bytes(self._database.read_model(live))
        try:
            model = read_model(str(path))
        except ValueError as error:
            raise Unavailable(str(error)) from error
        log("info", "points are embedded by another model", model=model.id)
        self._model = Model(model.id, model.dimension, EmbedderSettings("lsa", str(path), self._device))
        return self._model
