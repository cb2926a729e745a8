/** Dead letters of this part, and their replay. */

import { checkKeptEvent } from "../../core/event/kept.ts";
import type { Queryable } from "../../core/ports/database.ts";
import type { PageReader, StoredEvent } from "../../core/ports/log.ts";
import { type StepOptions, takeSteps } from "./steps/steps.ts";
import type { DeadEvent } from "./write/prepare-page.ts";
import type { Processor } from "./write/processor.ts";

const partName = "stream";

/** Part of the transaction that finishes the page: an event is either written or a dead letter. */
export async function addDeadLetters(
  connection: Queryable,
  dead: readonly DeadEvent[],
  find: PageReader["find"],
): Promise<void> {
  for (const { name, reason, error } of dead) {
    const event = await find(connection, name);
    // retention may have dropped the event meanwhile
    if (event === undefined) continue;
    const { payload, ...about } = event;
    await connection.query({
      name: "stream_dead_letter",
      text: "select dlq.add($1, $2, $3, $4, $5, $6, $7)",
      values: [
        partName,
        `${name.serviceId}/${name.eventId}`,
        JSON.stringify(about),
        reason,
        error,
        Buffer.from(payload),
        event.userKey,
      ],
    });
  }
}

interface DeadLetter {
  /** As `addDeadLetters` wrote it. */
  readonly source: unknown;
  readonly original: Buffer;
  readonly edited: Buffer | null;
}

export type Replayed =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly error: string };

/** Processes the event again, with its edited payload if there is one, in the transaction of the dead letter. */
export function createReplayer(processor: Processor, steps: StepOptions = {}) {
  return {
    part: partName,
    async replay(
      connection: Queryable,
      deadLetter: DeadLetter,
      signal?: AbortSignal,
    ): Promise<Replayed> {
      const about = deadLetter.source as Omit<StoredEvent, "payload">;
      const event =
        deadLetter.edited === null
          ? { ...about, payload: deadLetter.original.toString("utf8") }
          : await readEdited(connection, about, deadLetter.edited);
      if (event === undefined) {
        return {
          ok: false,
          reason: "unreadable",
          error: "the edited dead letter is not one event",
        };
      }
      const outcome = takeSteps(event, steps);
      if (outcome.kind === "drop") return { ok: true };
      if (outcome.kind === "dead")
        return { ok: false, reason: outcome.reason, error: outcome.error };
      const { dead } = await processor.processWithin(
        connection,
        [outcome.value],
        signal ?? new AbortController().signal,
      );
      const [found] = dead;
      if (found !== undefined) return { ok: false, ...found };
      // after writing, which holds the lock that an erasure waits for: either this sees the block, or the
      // erasure sees what was written
      if (await isBlocked(connection, outcome.value.userKey)) {
        return { ok: false, reason: "user_erased", error: "the user was erased and is blocked" };
      }
      return { ok: true };
    },
  };
}

async function isBlocked(connection: Queryable, userKey: string | null): Promise<boolean> {
  if (userKey === null) return false;
  const blocks = await connection.query({
    text: "select from erasure.blocks where user_hash = sha256(convert_to($1, 'UTF8'))",
    values: [userKey],
  });
  return blocks.length > 0;
}

/** User, product and type are read from the edited event; the times of receipt and occurrence stay those of the log. */
async function readEdited(
  connection: Queryable,
  about: Omit<StoredEvent, "payload">,
  edited: Buffer,
): Promise<StoredEvent | undefined> {
  const checked = checkKeptEvent(edited, about.format);
  if (checked?.kind !== "record") return undefined;
  const { eventType, userKey, productKey, items } = checked;
  const [known] = await connection.query<{ action: number }>({
    text: "select action from etl.event_type_actions where name = $1",
    values: [eventType],
  });
  return {
    ...about,
    eventType,
    action: known?.action ?? 0,
    userKey,
    productKey,
    items: items === null ? null : (JSON.parse(items) as StoredEvent["items"]),
    payload: checked.body.toString("utf8", checked.start, checked.end),
  };
}
