import type { Meta } from "@weir/protocol";
import { actions } from "@weir/protocol";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf } from "../range.ts";
import { actionNumbers } from "./overview.ts";

interface TypeRow {
  readonly name: string;
  readonly action: number;
  readonly events: string;
}

/** Event types, sources and currencies seen so far, and the time of the first event. */
export async function readMeta(
  runner: QueryRunner,
  about: { version: string; environment: string; retentionDays: number },
  signal: AbortSignal,
): Promise<Meta> {
  return runner.read({ weight: "light", signal }, async (connection) => {
    const types = await connection.query<TypeRow>({
      text: `
        select t.name, t.action, coalesce(sum(w.events), 0) as events
        from analytics.event_types t
        left join analytics.window_counts w on w.size = 3 and w.event_type = t.id
        group by t.id, t.name, t.action order by 3 desc, t.name limit 1000`,
    });
    const names = await connection.query<{ kind: string; name: string }>({
      text: `
        (select 'source' as kind, name from auth.services order by name)
        union all (select 'currency', code from analytics.currencies order by code)`,
    });
    const [first] = await connection.query<{ minute: number | null }>({
      text: "select min(bucket) as minute from analytics.window_totals where size = 1",
    });
    const minute = first?.minute ?? null;
    return {
      version: about.version,
      environment: about.environment,
      event_types: types.map((row) => ({
        name: row.name,
        action: actions.find((action) => actionNumbers[action] === row.action) ?? "other",
        events: Number(row.events),
      })),
      sources: names.filter(({ kind }) => kind === "source").map(({ name }) => name),
      currencies: names.filter(({ kind }) => kind === "currency").map(({ name }) => name),
      first_event_at: minute === null ? null : instantOf(minute),
      retention_days: about.retentionDays,
    };
  });
}
