/** Makes a migrated test database and drops it: fails when a function of the tree is no valid SQL. */
import { createTestDatabase } from "../../testing/database.ts";

const work: (() => void | Promise<void>)[] = [];
const cleanUp = { after: (next: () => void | Promise<void>) => void work.push(next) };
await createTestDatabase(cleanUp);
// a clean-up may register another one
for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
