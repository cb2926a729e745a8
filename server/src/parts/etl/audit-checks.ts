/**
 * The queries of the audit: the expected contents of a day's tables, computed from raw events in the simplest
 * way (count distinct, window functions, date_trunc); the ETL uses none of these. Each returns rows
 * `(label, value)`, expected and found. They read `audit_events` (the day) and
 * `audit_points` (the day and the events around it that its sessions need); $1 is the day.
 */
export interface Check {
  readonly table: string;
  readonly expected: string;
  readonly found: string;
}

const instant = (at: string): string =>
  `to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const dayStart = "(timestamptz '1970-01-01 00:00:00+00' + $1::int * interval '24 hours')";
const inDay = (column: string): string =>
  `${column} >= ${dayStart} and ${column} < ${dayStart} + interval '24 hours'`;
const units = ["minute", "hour", "day"] as const;
const minutesOf = { minute: 1, hour: 60, day: 1_440 } as const;

/** The same events once per size, labelled like `hour 2026-11-20T14:00:00.000000Z`. */
function bySize(
  sizes: readonly (typeof units)[number][],
  query: (window: string) => string,
): string {
  return sizes
    .map((unit) =>
      query(
        `'${unit} ' || ${instant(`date_trunc('${unit}', occurred_at at time zone 'UTC') at time zone 'UTC'`)}`,
      ),
    )
    .join(" union all ");
}

function storedWindow(sizes: readonly (typeof units)[number][]): { label: string; where: string } {
  const label = sizes.map(
    (unit) =>
      `when ${units.indexOf(unit) + 1} then '${unit} ' || ${instant(
        `(timestamptz '1970-01-01 00:00:00+00' + bucket * interval '${minutesOf[unit]} minutes')`,
      )}`,
  );
  const where = sizes.map((unit) => {
    const windows = 1_440 / minutesOf[unit];
    return `(size = ${units.indexOf(unit) + 1} and bucket between $1::int * ${windows} and $1::int * ${windows} + ${windows - 1})`;
  });
  return { label: `case size ${label.join(" ")} end`, where: where.join(" or ") };
}

const every = storedWindow(units);
const coarse = storedWindow(["hour", "day"]);

export const checks: readonly Check[] = [
  {
    table: "window_counts",
    expected: bySize(
      units,
      (
        window,
      ) => `select ${window} || ' ' || event_type || ' from service ' || service_id as label, count(*)::text as value
        from audit_events group by 1`,
    ),
    found: `select ${every.label} || ' ' || t.name || ' from service ' || service_id as label, events::text as value
      from analytics.window_counts join analytics.event_types t on t.id = event_type where ${every.where}`,
  },
  {
    table: "window_totals",
    expected: `select label, sum(events) || ' events, ' || sum(users) || ' users, ' || sum(sessions) || ' sessions, '
        || sum(converted) || ' converted' as value from (
      ${bySize(units, (window) => `select ${window} as label, count(*) as events, count(distinct user_key) as users, 0 as sessions, 0 as converted from audit_events group by 1`)}
      union all
      ${bySize(units, (window) => `select ${window} as label, 0, 0, count(*), count(*) filter (where purchases > 0) from (select started_at as occurred_at, purchases from audit_sessions) s group by 1`)}
      ) t group by 1`,
    found: `select ${every.label} as label, events || ' events, ' || users || ' users, ' || sessions || ' sessions, '
        || converted_sessions || ' converted' as value from analytics.window_totals where ${every.where}`,
  },
  {
    table: "window_revenue",
    expected: bySize(
      units,
      (
        window,
      ) => `select ${window} || ' ' || coalesce(currency, 'XXX') || ' from service ' || service_id as label,
        trim_scale(coalesce(sum(amount) filter (where action = 3), 0)) || ' by ' || count(*) filter (where action = 3) || ', refunded '
        || trim_scale(coalesce(sum(abs(amount)) filter (where action = 4), 0)) || ' by ' || count(*) filter (where action = 4) as value
        from audit_events where action in (3, 4) and amount is not null group by 1`,
    ),
    found: `select ${every.label} || ' ' || c.code || ' from service ' || service_id as label,
      trim_scale(revenue) || ' by ' || orders || ', refunded ' || trim_scale(refunds) || ' by ' || refund_count as value
      from analytics.window_revenue join analytics.currencies c on c.id = currency where ${every.where}`,
  },
  {
    table: "product_windows",
    expected: bySize(
      ["hour", "day"],
      (
        window,
      ) => `select ${window} || ' ' || product as label, count(distinct event) filter (where action = 1) || ' views, '
        || count(distinct event) filter (where action = 2) || ' carts, ' || count(distinct event) filter (where action = 3) || ' purchases' as value
        from audit_products group by ${window}, product`,
    ),
    found: `select ${coarse.label} || ' ' || p.key as label, views || ' views, ' || carts || ' carts, ' || purchases || ' purchases' as value
      from analytics.product_windows join analytics.products p on p.id = product_id where ${coarse.where}`,
  },
  {
    table: "product_revenue",
    expected: bySize(
      ["hour", "day"],
      (
        window,
      ) => `select ${window} || ' ' || product || ' ' || currency as label, trim_scale(sum(amount))::text as value
        from audit_products where action = 3 and amount is not null and currency is not null
        group by ${window}, product, currency having sum(amount) <> 0`,
    ),
    found: `select ${coarse.label} || ' ' || p.key || ' ' || c.code as label, trim_scale(revenue)::text as value
      from analytics.product_revenue join analytics.products p on p.id = product_id
      join analytics.currencies c on c.id = currency where revenue <> 0 and (${coarse.where})`,
  },
  {
    table: "sessions",
    expected: `select user_key || ' from ' || ${instant("started_at")} as label,
      'to ' || ${instant("ended_at")} || ', ' || events || ' events, ' || purchases || ' purchases' as value from audit_sessions`,
    found: `select u.key || ' from ' || ${instant("started_at")} as label,
      'to ' || ${instant("ended_at")} || ', ' || events || ' events, ' || purchases || ' purchases' as value
      from analytics.sessions s join analytics.users u on u.id = s.user_id where ${inDay("started_at")}`,
  },
  {
    table: "user_hours",
    expected: `select user_key || ' in hour ' || extract(hour from occurred_at at time zone 'UTC') as label,
      (sum(distinct 1::bigint << extract(minute from occurred_at at time zone 'UTC')::int)
        + case when bool_or(action = 1) then 1::bigint << 60 else 0 end)::text as value
      from audit_events where user_key is not null group by 1`,
    found: `select u.key || ' in hour ' || hour - $1::int * 24 as label, minutes::text as value
      from analytics.user_hours h join analytics.users u on u.id = h.user_id where hour between $1::int * 24 and $1::int * 24 + 23`,
  },
  {
    table: "user_months",
    expected: `select user_key as label, case when bool_or(action = 1) then 'present, viewed' else 'present' end as value
      from audit_events where user_key is not null group by 1`,
    found: `select u.key as label, case when m.view_days & (1 << d.bit) <> 0 then 'present, viewed' else 'present' end as value
      from (select extract(day from ${dayStart} at time zone 'UTC')::int - 1 as bit,
        (extract(year from ${dayStart} at time zone 'UTC') * 12 + extract(month from ${dayStart} at time zone 'UTC'))::int - 1 as month) d
      join analytics.user_months m on m.month = d.month and m.days & (1 << d.bit) <> 0
      join analytics.users u on u.id = m.user_id`,
  },
  {
    table: "key_facts",
    // views and carts of earlier days come from facts and key facts, which are compared with raw events on their own day
    expected: `select distinct k.user_key || ' ' || case action when 2 then 'cart ' else 'purchase ' end || ${instant("k.occurred_at")} as label,
      coalesce(${instant("case when action = 2 then k.view_at else coalesce(k.cart_view_at, earlier.view_at) end")}, 'no view') as value
      from (
        select *, max(view_at) filter (where action = 2)
          over (partition by user_key order by occurred_at range unbounded preceding) as cart_view_at
        from (
          select d.user_key, d.occurred_at, d.action, coalesce(d.view_at, earlier.view_at) as view_at
          from (
            select user_key, occurred_at, action, max(occurred_at) filter (where action = 1)
              over (partition by user_key order by occurred_at range unbounded preceding) as view_at
            from audit_events where user_key is not null and action in (1, 2, 3)
          ) d
          left join lateral (
            select max(f.occurred_at) as view_at from analytics.facts f join analytics.users u on u.id = f.user_id
            where d.view_at is null and d.action = 2 and u.key = d.user_key and f.action = 1 and f.occurred_at < ${dayStart}
          ) earlier on true
          where action in (2, 3)
        ) carts
      ) k
      left join lateral (
        select max(f.last_view_at) as view_at from analytics.key_facts f join analytics.users u on u.id = f.user_id
        where k.cart_view_at is null and k.action = 3 and u.key = k.user_key and f.action = 2 and f.occurred_at < ${dayStart}
      ) earlier on true`,
    found: `select u.key || ' ' || case action when 2 then 'cart ' else 'purchase ' end || ${instant("occurred_at")} as label,
      coalesce(${instant("last_view_at")}, 'no view') as value
      from analytics.key_facts k join analytics.users u on u.id = k.user_id where ${inDay("occurred_at")}`,
  },
  {
    table: "facts",
    expected: `select concat_ws(' ', ${instant("occurred_at")}, user_key, product_key, event_type, service_id, action,
        case when amount is not null then coalesce(currency, 'XXX') end, trim_scale(amount)) as label, count(*)::text as value
      from audit_events group by 1`,
    found: `select concat_ws(' ', ${instant("occurred_at")}, u.key, p.key, t.name, service_id, f.action, c.code, trim_scale(amount)) as label,
        count(*)::text as value
      from analytics.facts f join analytics.event_types t on t.id = f.event_type
      left join analytics.users u on u.id = f.user_id left join analytics.products p on p.id = f.product_id
      left join analytics.currencies c on c.id = f.currency where ${inDay("occurred_at")} group by 1`,
  },
  {
    table: "raw.events",
    // the facts stored with a native event match the bytes sent
    expected: `select event_id || ' ' || e.what as label, e.sent as value from audit_events
      cross join lateral (select payload::json as event) j
      cross join lateral (values
        ('event_type', event ->> 'event_type'),
        ('user', coalesce(event ->> 'user_id', 'anonymous:' || (event ->> 'anonymous_id'))),
        ('product', coalesce(event #>> '{product,id}', product_key))
      ) e (what, sent) where format = 0`,
    found: `select event_id || ' ' || e.what as label, e.kept as value from audit_events
      cross join lateral (values ('event_type', event_type), ('user', user_key), ('product', product_key)) e (what, kept)
      where format = 0`,
  },
];
