"""The job's configuration: one JSON or YAML file, secrets on top from the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")

DATABASE_URL = "WEIR_SPARK_DATABASE_URL"
QDRANT_API_KEY = "WEIR_SPARK_QDRANT_API_KEY"
KAFKA_PREFIX = "WEIR_SPARK_KAFKA_"


class ConfigError(Exception):
    """A mistake of the user; the message is one line and names the setting."""


@dataclass(frozen=True)
class Kafka:
    brokers: list[str]
    topic: str = "events"
    dlq_topic: str = "events.dlq"
    starting_offsets: str = "earliest"
    max_events_per_batch: int = 50_000
    fail_on_data_loss: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spark:
    master: str = "local[*]"
    jars: list[str] = field(default_factory=list)
    ui_port: int = 4040
    conf: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trigger:
    processing_time_ms: int = 500
    available_now: bool = False


@dataclass(frozen=True)
class Windows:
    enabled: bool = True


@dataclass(frozen=True)
class Embeddings:
    enabled: bool = False
    model: str = "lsa"
    model_file: str | None = None
    # of a transformer: the id that Weir gives the model
    model_id: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Qdrant:
    url: str = "http://127.0.0.1:6333"
    ca: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Metrics:
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class Config:
    kafka: Kafka
    checkpoint: str
    database_url: str = field(repr=False)
    name: str = "weir"
    epoch: int | None = None
    spark: Spark = field(default_factory=Spark)
    trigger: Trigger = field(default_factory=Trigger)
    state_store: str = "rocksdb"
    windows: Windows = field(default_factory=Windows)
    embeddings: Embeddings = field(default_factory=Embeddings)
    qdrant: Qdrant = field(default_factory=Qdrant)
    metrics: Metrics = field(default_factory=Metrics)
    resilience: dict[str, Any] = field(default_factory=dict)
    stop_timeout_s: int = 30


def load(path: str, environment: Mapping[str, str] = os.environ) -> Config:
    """Raises ConfigError for a file that cannot be read, an unknown setting or a value of another type."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        given = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is neither JSON nor YAML: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{path} must hold an object")
    return parse(given, environment)


def parse(given: dict[str, Any], environment: Mapping[str, str]) -> Config:
    merged = dict(given)
    if url := environment.get(DATABASE_URL):
        merged["database_url"] = url
    if not merged.get("database_url"):
        raise ConfigError(f"database_url is missing: set it in the file or as {DATABASE_URL}")
    if key := environment.get(QDRANT_API_KEY):
        merged["qdrant"] = {**merged.get("qdrant", {}), "api_key": key}
    secrets = kafka_options(environment)
    if secrets and isinstance(merged.get("kafka"), dict):
        options = {**merged["kafka"].get("options", {}), **secrets}
        merged["kafka"] = {**merged["kafka"], "options": options}
    config = _read(Config, merged, "")
    _check(config)
    return config


def kafka_options(environment: Mapping[str, str]) -> dict[str, str]:
    """WEIR_SPARK_KAFKA_SASL_JAAS_CONFIG=x is the option sasl.jaas.config of Kafka's clients."""
    return {
        name.removeprefix(KAFKA_PREFIX).lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith(KAFKA_PREFIX)
    }


def _check(config: Config) -> None:
    choices = {
        "embeddings.model": (config.embeddings.model, ("lsa", "transformer")),
        "embeddings.device": (config.embeddings.device, ("auto", "cpu", "gpu")),
        "state_store": (config.state_store, ("rocksdb", "hdfs")),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    if not config.kafka.brokers:
        raise ConfigError("kafka.brokers is empty")
    if config.kafka.max_events_per_batch < 1:
        raise ConfigError("kafka.max_events_per_batch must be at least 1")
    if config.embeddings.enabled and config.embeddings.model == "transformer" and not config.embeddings.model_file:
        raise ConfigError("embeddings.model_file is missing: the folder or name of the transformer")


def _read(kind: type[T], given: Any, path: str) -> T:
    if not isinstance(given, dict):
        raise ConfigError(f"{path or 'the configuration'} must be an object")
    types = get_type_hints(kind)
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in names:
            raise ConfigError(f"{path}{name} is no setting; known are {', '.join(sorted(names))}")
    values = {name: _value(types[name], value, f"{path}{name}") for name, value in given.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{path or 'the configuration'}: {error}") from error


def _value(kind: Any, value: Any, path: str) -> Any:
    if is_dataclass(kind):
        return _read(kind, value, f"{path}.")  # type: ignore[arg-type]
    if get_origin(kind) is UnionType:
        if value is None:
            return None
        kind = get_args(kind)[0]
    plain = get_origin(kind) or kind
    is_right = isinstance(value, plain) and not (plain is int and isinstance(value, bool))
    if not is_right:
        raise ConfigError(f"{path} must be {plain.__name__}, not {type(value).__name__}")
    return value
