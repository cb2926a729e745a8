/** The little of `psql` that a guide's commands need: `psql <url>` runs the SQL of its input. */
import { text } from "node:stream/consumers";
import pg from "pg";

const client = new pg.Client({ connectionString: process.argv[2] ?? "" });
await client.connect();
try {
  // one statement after the other: `create database` does not run in a block of several
  for (const statement of (await text(process.stdin)).split(/;\s*\n/)) {
    if (statement.trim() !== "") await client.query(statement);
  }
} finally {
  await client.end();
}
