import type { Area } from "../mutant.ts";

const hash = "server/src/core/event/content-hash.ts";
const append = "server/sql/functions/raw/append.sql";
const appendNew = "server/sql/functions/raw/append_new.sql";
const rawLog = "server/src/parts/ingest/raw-log.ts";
const rotate = "server/sql/functions/raw/rotate_identities.sql";

/** Once: the same id with the same content is a duplicate, with another content a conflict. */
export const identity: Area = {
  name: "identity",
  sources: [hash, append, appendNew, rotate],
  tests: [
    "server/src/core/event/content-hash.test.ts",
    "server/src/parts/ingest/raw-log.test.ts",
    "server/src/parts/retention/retention.test.ts",
    "server/src/parts/erasure/erasure.test.ts",
  ],
  mutations: [
    { in: append, from: "case when b.content_hash = s.content_hash then 1 else 2 end", to: "1" },
    { in: append, from: "when i.is_new and s.nth = 1 then 0", to: "when i.is_new then 0" },
    {
      in: append,
      from: "when i.content_hash = s.content_hash then 1\n        else 2",
      to: "else 1",
    },
    { in: append, from: "where t.verdict = 0;", to: "where t.verdict <> 1;" },
    { in: append, from: "and j.hash_before <> j.kept_hash", to: "and false" },
    {
      in: append,
      from: "partition by event_id, service_id order",
      to: "partition by event_id order",
    },
    {
      in: append,
      from: "array_agg(j.verdict::smallint order by j.place)",
      to: "array_agg(j.verdict::smallint order by j.event_id)",
    },
    {
      in: appendNew,
      from: "if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then",
      to: "if false then",
    },
    { in: appendNew, from: "      raise unique_violation;\n", to: "      null;\n" },
    {
      in: appendNew,
      from: "    return raw.append(service_ids,",
      to: "    perform raw.append(service_ids,",
    },
    {
      in: rawLog,
      from: "verdicts === null ? null :",
      to: "verdicts === null || group.length > 1 ? null :",
    },
    {
      in: rotate,
      from: "  truncate raw.identities_before;\n",
      to: "  truncate raw.identities_before;\n  truncate raw.identities;\n",
    },
    {
      in: rotate,
      from: "update raw.identity_generation set started_at = clock.trusted();",
      to: "",
    },
    { in: hash, from: "  h1 ^= length;\n", to: "" },
    { in: hash, from: "h4 ^= scramble4(tailWord(bytes, stop + 12, end));", to: "" },
  ],
  equivalent: [],
};
