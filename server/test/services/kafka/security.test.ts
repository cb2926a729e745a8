/** TLS and passwords against a real broker. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { createCertificate } from "../../../../testing/servers/certificate.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import type { KafkaConnection } from "../../../src/adapters/kafka/connection.ts";
import { kafkaConnection } from "../../../src/compose/kafka.ts";
import { loadConfig } from "../../../src/config/load.ts";
import {
  connectionTo,
  limitOf,
  openAdmin,
  openProducer,
  readTopic,
} from "../../helpers/kafka/connect.ts";

const needed = await requireServers("kafka");

test(
  "TLS with SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN, and every way to be refused",
  needed,
  async (t) => {
    const password = "correct-horse";
    const server = await startKafka(t, { tls: true, users: { weir: password } });
    const { brokers, ca } = server.secure;
    const plain = openAdmin(t, connectionTo(server.brokers));
    await plain.create({ name: "secret", partitions: 1, replication: 1, configs: {} });
    const folder = await createTestFolder(t);
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, ca);

    const connect = (settings: Readonly<Record<string, string>>): KafkaConnection =>
      kafkaConnection(
        loadConfig({
          env: {
            WEIR_KAFKA_BROKERS: brokers.join(","),
            WEIR_KAFKA_CONNECT_TIMEOUT_MS: "5000",
            WEIR_KAFKA_TLS_ENABLED: "true",
            WEIR_KAFKA_TLS_CA_FILE: caFile,
            WEIR_KAFKA_SASL_USER: "weir",
            WEIR_KAFKA_SASL_PASSWORD: password,
            ...settings,
          },
          cwd: folder,
        }),
      );
    const send = (connection: KafkaConnection, text: string) =>
      openProducer(t, connection, { guard: limitOf(8_000) }).send([
        { topic: "secret", key: Buffer.from("k"), value: Buffer.from(text) },
      ]);

    for (const mechanism of ["scram-sha-256", "scram-sha-512", "plain"]) {
      await send(connect({ WEIR_KAFKA_SASL_MECHANISM: mechanism }), mechanism);
      const began = performance.now();
      const wrong = connect({
        WEIR_KAFKA_SASL_MECHANISM: mechanism,
        WEIR_KAFKA_SASL_PASSWORD: "wrong",
      });
      await assert.rejects(send(wrong, "wrong"), (error: Error & { code?: string }) => {
        assert.equal(error.code, "authentication", `${mechanism}: ${error.message}`);
        assert.doesNotMatch(error.message, /wrong|correct-horse/);
        return true;
      });
      assertWithin(performance.now() - began, 6_000, "the refusal of a wrong password");
    }
    assert.deepEqual(
      (await readTopic(server, "secret")).map(({ value }) => value.toString()),
      ["scram-sha-256", "scram-sha-512", "plain"],
    );

    const foreign = await createCertificate(await createTestFolder(t));
    const scram = { WEIR_KAFKA_SASL_MECHANISM: "scram-sha-512" };
    await assert.rejects(
      send(connect({ ...scram, WEIR_KAFKA_TLS_CA_FILE: foreign.cert }), "unknown"),
      {
        code: "tls",
        retryable: false,
      },
    );
    await assert.rejects(
      send(connect({ ...scram, WEIR_KAFKA_TLS_SERVER_NAME: "other.example" }), "name"),
      {
        code: "tls",
      },
    );
    await assert.rejects(
      send(connect({ ...scram, WEIR_KAFKA_TLS_ENABLED: "false" }), "plain text"),
      { code: "unavailable", message: /perhaps it expects TLS/ },
    );
  },
);
