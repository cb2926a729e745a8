import type { Area } from "../mutant.ts";

const groupCommitFile = "server/src/parts/ingest/group-commit.ts";
const appendGroupFile = "server/src/parts/ingest/append-group.ts";

/** A 202 means committed. */
export const groupCommit: Area = {
  name: "group-commit",
  sources: [groupCommitFile, appendGroupFile],
  tests: [
    "server/src/parts/ingest/group-commit.test.ts",
    "server/src/parts/ingest/append-group.test.ts",
  ],
  mutations: [],
  equivalent: [],
};
