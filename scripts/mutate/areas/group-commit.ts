import type { Area } from "../mutant.ts";

const groupCommitFile = "server/src/parts/ingest/group-commit.ts";
const appendGroupFile = "server/src/parts/ingest/append-group.ts";

/** A 202 means committed. */
export const groupCommit: Area = {
  name: "group-commit",
  sources: [groupCommitFile, appendGroupFile],
  tests: [
    "server/src/parts/ingest/append-group.test.ts",
    "server/src/parts/ingest/group-commit.test.ts",
  ],
  mutations: [
    {
      in: groupCommitFile,
      from: "const outcomes = await appendGroup(",
      to: 'const outcomes = records.map((): Outcome => "accepted");\n    void appendGroup(',
    },
    {
      in: groupCommitFile,
      from: "this.#inFlight.size < this.#options.settings.groupsInFlight",
      to: "this.#inFlight.size <= this.#options.settings.groupsInFlight",
    },
    { in: groupCommitFile, from: "if (count > 0 && isFull) break;", to: "" },
    { in: groupCommitFile, from: "      at = end;\n", to: "" },
    { in: groupCommitFile, from: '.fill("retry"));', to: '.fill("accepted"));' },
    {
      in: groupCommitFile,
      from: "if (submission.deadline <= now) this.#settleLate(submission);",
      to: "",
    },
    { in: groupCommitFile, from: "this.#closed ||", to: "" },
    {
      in: appendGroupFile,
      from: 'return [isUnknown ? "retry" : "rejected"];',
      to: 'return ["rejected"];',
    },
    {
      in: appendGroupFile,
      from: 'return [isUnknown ? "retry" : "rejected"];',
      to: 'return ["retry"];',
    },
    {
      in: appendGroupFile,
      from: "return [...first, ...(",
      to: "return [...first.toReversed(), ...(",
    },
    {
      in: appendGroupFile,
      from: "passing.has(code) && attempt < attempts",
      to: "passing.has(code)",
    },
  ],
  equivalent: [
    {
      in: groupCommitFile,
      from: "let bytes = 0;",
      to: "let bytes = (0 + 1);",
      because:
        "a byte more is counted for each request, and subtracted again: no limit is so exact",
    },
    {
      in: groupCommitFile,
      from: "if (this.#queue.length === 0) return false;",
      to: "if (this.#queue.length === (0 - 1)) return false;",
      because:
        "an empty group is written when all that waited was answered as too late: no event is in it",
    },
  ],
};
