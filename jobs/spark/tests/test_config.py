import json
from pathlib import Path
from typing import Any

import pytest

from weir_spark.config import ConfigError, load, parse

LEAST: dict[str, Any] = {"database_url": "postgresql://a/b", "checkpoint": "/c", "kafka": {"brokers": ["b:1"]}}


def test_little_is_enough_and_the_rest_has_defaults() -> None:
    config = parse(LEAST, {})
    assert (config.kafka.topic, config.kafka.dlq_topic, config.epoch) == ("events", "events.dlq", None)
    assert (config.spark.ui_port, config.trigger.processing_time_ms, config.embeddings.enabled) == (4040, 500, False)


def test_secrets_come_from_the_environment_and_are_not_printed() -> None:
    environment = {
        "WEIR_SPARK_DATABASE_URL": "postgresql://u:secret@h/d",
        "WEIR_SPARK_QDRANT_API_KEY": "secret",
        "WEIR_SPARK_KAFKA_SASL_JAAS_CONFIG": "jaas",
    }
    config = parse({**LEAST, "kafka": {"brokers": ["b"], "options": {"sasl.mechanism": "PLAIN"}}}, environment)
    assert config.database_url == "postgresql://u:secret@h/d"
    assert config.qdrant.api_key == "secret"
    assert config.kafka.options == {"sasl.mechanism": "PLAIN", "sasl.jaas.config": "jaas"}
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kafka": {"brokers": []}}, "kafka.brokers"),
        ({"kafka": {"broker": ["b"]}}, "kafka.broker "),
        ({"kafka": {"brokers": ["b"], "max_events_per_batch": 0}}, "max_events_per_batch"),
        ({"kafka": {"brokers": ["b"], "max_events_per_batch": True}}, "max_events_per_batch"),
        ({"state_store": "memory"}, "state_store"),
        ({"embeddings": {"enabled": True, "model": "transformer"}}, "embeddings.model_file"),
        ({"spark": 7}, "spark"),
        ({"database_url": None}, "database_url"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse({**LEAST, **change}, {})


def test_a_file_is_json_or_yaml(tmp_path: Path) -> None:
    as_json, as_yaml = tmp_path / "job.json", tmp_path / "job.yaml"
    as_json.write_text(json.dumps(LEAST))
    as_yaml.write_text("database_url: postgresql://a/b\ncheckpoint: /c\nkafka:\n  brokers: ['b:1']\n")
    assert load(str(as_json), {}) == load(str(as_yaml), {})
    as_json.write_text("{")
    for path, said in ((as_json, "neither"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(ConfigError, match=said):
            load(str(path), {})
