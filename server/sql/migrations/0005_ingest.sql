-- Appending to the raw log, and what keeps it in bounds.

-- Takes a group of events, one array a column, and keeps those that are new. Answers null when all
-- were, else a verdict for each in the order given: 0 accepted, 1 duplicate, 2 conflict.
--
-- Elements should be sorted by (event_id, service_id), so that groups written at the same time meet
-- in one order and do not deadlock. Call it in a transaction of its own, without savepoints: which
-- rows are new is told by their xmin (that costs nothing while all are new, where `returning` would
-- cost every group), and a count guards it.
--
-- It does not notify: a transaction with a notification takes a lock on the whole queue until it has
-- committed, so that groups could not share a flush. The caller sends `weir_raw` after the commit.
create function raw.append(
  service_ids int[],
  formats smallint[],
  event_ids uuid[],
  content_hashes bigint[],
  occurred timestamptz[],
  user_keys text[],
  product_keys text[],
  amounts numeric[],
  currencies text[],
  event_types text[],
  event_refs text[],
  item_lists json[],
  payloads text[]
) returns smallint[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- plans made while a table is small outlive that: the index is right at any size
set enable_seqscan = off
as $$
declare
  sent int := cardinality(event_ids);
  inserted int;
  seen int;
  verdicts smallint[];
begin
  insert into raw.identities (event_id, service_id, content_hash)
  select unnest(event_ids), unnest(service_ids), unnest(content_hashes)
  on conflict do nothing;
  get diagnostics inserted = row_count;

  if inserted = sent
    and not (exists (select from raw.identities_before)
      and exists (
        select from unnest(event_ids, service_ids) as s (event_id, service_id)
        cross join lateral (
          select from raw.identities_before as b
          where b.event_id = s.event_id and b.service_id = s.service_id
          offset 0
        ) as found))
  then
    insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
      amount, currency, event_type, event_ref, items, payload)
    select unnest(service_ids), unnest(formats), unnest(event_ids), unnest(occurred),
      unnest(user_keys), unnest(product_keys), unnest(amounts), unnest(currencies),
      unnest(event_types), unnest(event_refs), unnest(item_lists), unnest(payloads);
    return null;
  end if;

  -- What the generation before remembers stands, here and for as long as this generation lasts.
  with judged as (
    select s.place, s.event_id, s.service_id, i.content_hash as kept_hash, b.content_hash as hash_before,
      i.is_new,
      case
        when b.content_hash is not null then case when b.content_hash = s.content_hash then 1 else 2 end
        when i.is_new and s.nth = 1 then 0
        when i.content_hash = s.content_hash then 1
        else 2
      end as verdict,
      s.nth
    from (
      select *, row_number() over (partition by event_id, service_id order by place) as nth
      from unnest(event_ids, service_ids, content_hashes)
        with ordinality as t (event_id, service_id, content_hash, place)
    ) as s
    cross join lateral (
      select i.content_hash, i.xmin = pg_current_xact_id()::xid as is_new
      from raw.identities as i
      where i.event_id = s.event_id and i.service_id = s.service_id
      offset 0
    ) as i
    left join lateral (
      select b.content_hash
      from raw.identities_before as b
      where b.event_id = s.event_id and b.service_id = s.service_id
      offset 0
    ) as b on true
  ), restored as (
    update raw.identities as i
    set content_hash = j.hash_before
    from judged as j
    where j.nth = 1 and i.event_id = j.event_id and i.service_id = j.service_id
      and j.hash_before <> j.kept_hash
  )
  select array_agg(j.verdict::smallint order by j.place), count(*) filter (where j.is_new and j.nth = 1)
  into verdicts, seen
  from judged as j;

  if seen <> inserted or cardinality(verdicts) <> sent then
    raise exception 'raw.append wants a transaction of its own: % identities inserted, % seen of %',
      inserted, seen, sent;
  end if;

  insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
    amount, currency, event_type, event_ref, items, payload)
  select t.service_id, t.format, t.event_id, t.occurred_at, t.user_key, t.product_key,
    t.amount, t.currency, t.event_type, t.event_ref, t.items, t.payload
  from unnest(verdicts, service_ids, formats, event_ids, occurred, user_keys, product_keys, amounts,
    currencies, event_types, event_refs, item_lists, payloads)
    as t (verdict, service_id, format, event_id, occurred_at, user_key, product_key, amount,
      currency, event_type, event_ref, items, payload)
  where t.verdict = 0;
  return verdicts;
end $$;

-- Makes the partitions of today (UTC) and the days after it. The ingest role may call it: where
-- nobody made the day in time, the first group of the day does.
create function raw.prepare_days(ahead int) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  for n in 0 .. least(greatest(ahead, 0), 31) loop
    perform raw.ensure_partition((now() at time zone 'UTC')::date + n);
  end loop;
end $$;

-- Days of the log that end at or before `before`, oldest first.
create function raw.partitions_before(before timestamptz) returns setof text
language sql stable
as $$
  select c.relname::text
  from pg_inherits as h
  join pg_class as c on c.oid = h.inhrelid
  where h.inhparent = 'raw.events'::regclass and c.relname ~ '^events_\d{8}$'
    and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= before
  order by c.relname
$$;

-- Drops those days and answers their names. Waits for locks half a second at most (55P03), as all
-- writers queue up behind it: the caller tries again later.
create function raw.drop_partitions(before timestamptz) returns text[] language plpgsql as $$
declare
  name text;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '500ms', true);
  for name in select raw.partitions_before(before) loop
    execute format('drop table raw.%I', name);
    dropped := dropped || name;
  end loop;
  return dropped;
end $$;

-- Begins a new generation of identities when the present one began before `started_before`; true
-- when it did. What the generation before last remembered is forgotten. Safe while groups are being
-- written: they lock `identities` first and `identities_before` second, as this does.
create function raw.rotate_identities(started_before timestamptz) returns boolean language plpgsql as $$
begin
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  perform set_config('lock_timeout', '500ms', true);
  lock table raw.identities in access exclusive mode;
  lock table raw.identities_before in access exclusive mode;
  -- another worker may have been faster
  if (select started_at >= started_before from raw.identity_generation) then return false; end if;
  truncate raw.identities_before;
  alter table raw.identities_before rename to identities_next;
  alter table raw.identities rename to identities_before;
  alter table raw.identities_next rename to identities;
  update raw.identity_generation set started_at = now();
  return true;
end $$;

revoke all on function raw.append, raw.prepare_days, raw.partitions_before, raw.drop_partitions,
  raw.rotate_identities from public;
