/** Writes one group and decides what a failure means for each of its events. */

import type { EventRecord } from "../../core/event/record.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { type Appended, appended, type RawLog } from "./ports.ts";

/**
/**
 * `rejected`: PostgreSQL refuses this event. `blocked`: its user was erased and is blocked. `retry`: the outcome is
 * unknown; send it again. `full`: nothing was stored, because the disk is full.
 */
export type Outcome =
  | "accepted"
  | "duplicate"
  | "conflict"
  | "rejected"
  | "blocked"
  | "retry"
  | "full";

const outcomes: Readonly<Record<Appended, Outcome>> = {
  [appended.accepted]: "accepted",
  [appended.duplicate]: "duplicate",
  [appended.conflict]: "conflict",
  [appended.blocked]: "blocked",
};

const attempts = 3;
/** Serialization failure (also: a user was blocked just now) and deadlock: the same group may succeed immediately. */
const passing = new Set(["40001", "40P01"]);
/** Data exceptions, integrity violations and program limits are caused by the events. */
const dataReason = /^(22|23|54)/;
const noPartition = "23514";
const diskFull = "53100";

/**
 * An outcome for each event, in the order given. Validation should leave PostgreSQL nothing to
 * refuse. If it does refuse, the group is halved until only the bad events are left out.
 */
export async function appendGroup(
  log: RawLog,
  group: readonly EventRecord[],
  onFailure: (error: unknown) => void,
): Promise<readonly Outcome[]> {
  let preparedDays = false;
  for (let attempt = 1; ; attempt++) {
    try {
      const verdicts = await log.append(group);
      if (verdicts === null) return filled(group, "accepted");
      return verdicts.map((verdict) => outcomes[verdict]);
    } catch (error) {
      const code = error instanceof DatabaseError ? error.code : "";
      if (passing.has(code) && attempt < attempts) continue;
      if (code === noPartition && !preparedDays) {
        preparedDays = true;
        const failed = await createDay(log, onFailure);
        if (failed === undefined) continue;
        return filled(group, failed);
      }
      onFailure(error);
      if (code === diskFull) return filled(group, "full");
      // an error that is not from the database (a bug of our own) may also be caused by one event
      const isUnknown = !(error instanceof DatabaseError);
      if (!dataReason.test(code) && !isUnknown) return filled(group, "retry");
      if (group.length === 1) return [isUnknown ? "retry" : "rejected"];
      const middle = group.length >> 1;
      const first = await appendGroup(log, group.slice(0, middle), onFailure);
      return [...first, ...(await appendGroup(log, group.slice(middle), onFailure))];
    }
  }
}

/** The partition of the day is missing: create it. The outcome of the group if that failed. */
async function createDay(
  log: RawLog,
  onFailure: (error: unknown) => void,
): Promise<"retry" | "full" | undefined> {
  try {
    await log.prepareDays(1);
    return undefined;
  } catch (error) {
    onFailure(error);
    return error instanceof DatabaseError && error.code === diskFull ? "full" : "retry";
  }
}

function filled(group: readonly EventRecord[], outcome: Outcome): Outcome[] {
  return new Array<Outcome>(group.length).fill(outcome);
}
