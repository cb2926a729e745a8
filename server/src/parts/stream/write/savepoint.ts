import type { Queryable } from "../../../core/ports/database.ts";

/** When `work` fails only its own changes are rolled back, and the transaction can continue. */
export async function savepoint<T>(connection: Queryable, work: () => Promise<T>): Promise<T> {
  await connection.query({ text: "savepoint attempt" });
  try {
    const result = await work();
    await connection.query({ text: "release savepoint attempt" });
    return result;
  } catch (error) {
    await connection.query({ text: "rollback to savepoint attempt" });
    await connection.query({ text: "release savepoint attempt" });
    throw error;
  }
}
