/** Lifting the block of an erased user. */
import { type Infer, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Database } from "../../core/ports/database.ts";
import { hashOfUser, lockRequests } from "./requests.ts";

export const liftedBlockSchema = schema.object(
  {
    user_hash: schema.string({ description: "Hex SHA-256 of the user's id." }),
    erasure: schema.string({ description: "The erasure that had blocked the user." }),
    blocked_at: schema.string({ format: "date-time" }),
  },
  { $id: "LiftedBlock" },
);
export type LiftedBlock = Infer<typeof liftedBlockSchema>;

/**
 * Events of the user are accepted again, from the next group on, as a new history.
 *
 * @throws WeirError `not_found` when the user is not blocked; `unavailable` for the moments in which the erasure still
 *   collects events that were accepted before the block
 */
export async function liftBlock(
  database: Database,
  { userKey, actor }: { readonly userKey: string; readonly actor: string },
): Promise<LiftedBlock> {
  const userHash = hashOfUser(userKey);
  return database.transaction(async (connection) => {
    await lockRequests(connection);
    const pending = await connection.query({
      text: "select from erasure.requests where user_hash = $1 and state <> 'done' and seen is null",
      values: [userHash],
    });
    if (pending.length > 0) {
      throw new WeirError("unavailable", {
        detail: "the erasure is still waiting for events in flight; lift the block in a moment",
        retryAfterSeconds: 1,
      });
    }
    const [lifted] = await connection.query<{ request_id: string; blocked_at: Date }>({
      text: `with lifted as (
               delete from erasure.blocks where user_hash = $1 returning request_id, blocked_at
             ), audited as (
               insert into auth.audit_log (actor, action, subject, detail)
               select $2, 'user.unblock', 'user:' || encode($1, 'hex'), json_build_object('request', request_id) from lifted
             )
             select request_id, blocked_at from lifted`,
      values: [userHash, actor],
    });
    if (lifted === undefined) {
      throw new WeirError("not_found", { detail: "no erasure blocks this user" });
    }
    return {
      user_hash: userHash.toString("hex"),
      erasure: lifted.request_id,
      blocked_at: lifted.blocked_at.toISOString(),
    };
  });
}
