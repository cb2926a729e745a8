/**
 * Two relays, and a relay whose PostgreSQL is killed: nothing is lost and the events of a key keep their order.
 * `WEIR_TEST_POSTGRES_KILLS=20` for the full count.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startTestServer } from "../../../../testing/database.ts";
import { type KafkaServer, startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import type { RelayProcess } from "../../helpers/kafka/relay-process.ts";
import { assertExact, setRelayStage } from "./relay-stage.ts";

const needed = await requireServers("kafka");
const kills = Number(process.env["WEIR_TEST_POSTGRES_KILLS"] ?? 1);

/** One for all tests of the file. */
const server =
  needed.skip === false ? await startKafka({ after }) : (undefined as unknown as KafkaServer);

test(
  "of two relays one works; the other takes over from one that is frozen and from one that is killed",
  needed,
  async (t) => {
    const stage = await setRelayStage(t, server);
    const { oracle, database } = stage;
    const relays = [await stage.start(), await stage.start()];
    const leader = async () => {
      const [row] = await database.owner.query<{ owner: string | null }>({
        text: "select owner from relay.state",
      });
      return relays.find(({ pid }) => row?.owner?.endsWith(`/${pid}`));
    };
    const untilLeads = (which: (relay: RelayProcess | undefined) => boolean) =>
      until(
        async () => {
          const relay = await leader();
          return which(relay) ? relay : undefined;
        },
        { what: "the other relay to take over", everyMs: 100, timeoutMs: 60_000 },
      );
    const first = await untilLeads((relay) => relay !== undefined);
    const writing = new AbortController();
    const written = oracle.writeUntil(writing.signal);
    await until(() => oracle.count > 150, { what: "events" });
    process.kill(first.pid, "SIGSTOP");
    const second = await untilLeads((relay) => relay !== first);
    const before = oracle.count;
    await until(() => oracle.count > before + 150, { what: "events of the second relay" });
    const position = await oracle.position();
    process.kill(first.pid, "SIGCONT");
    await until(async () => (await oracle.position()) !== position, { what: "the next page" });
    await second.kill();
    await untilLeads((relay) => relay === first);
    writing.abort();
    await written;
    const { events, lost, disordered, phantoms, altered } = await stage.judge();
    t.diagnostic(`${events} events`);
    assert.deepEqual([lost, disordered, phantoms, altered], [[], [], 0, 0]);
    assert.equal(await first.stop(), 0);
  },
);

test(
  "PostgreSQL is killed and returns: the relay that was connected loses nothing",
  needed,
  async (t) => {
    const database = await startTestServer(t);
    const stage = await setRelayStage(t, server, database);
    const { oracle } = stage;
    const relay = await stage.start();
    for (let kill = 0; kill < kills; kill++) {
      await oracle.write(200);
      await stage.checkpoint();
      await database.kill9();
      await database.restart();
      await until(
        () =>
          oracle.write(100).then(
            () => true,
            () => false,
          ),
        { what: "PostgreSQL to accept events" },
      );
    }
    assertExact(t, await stage.judge());
    assert.equal(await relay.stop(), 0);
  },
);
