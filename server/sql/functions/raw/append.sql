-- Appends a group of events, one array per column, and keeps those that are new. Returns null when all were
-- new, else a verdict per event in the order given: 0 accepted, 1 duplicate, 2 conflict, 3 the user is blocked.
--
-- Events of blocked users (erasure.blocks) leave no trace, so they can be sent again once the block is lifted. They
-- are looked for twice: before anything is written, and again after the identities are. A session that sees no lock on
-- raw.identities after a block is committed therefore knows that every later group obeys it. While no user is
-- blocked both cost a look at an empty table.
--
-- Sort the elements by (event_id, service_id): groups written at the same time then lock in one order and do
-- not deadlock. Call it in its own transaction, without savepoints: new rows are recognised by their xmin, which
-- costs nothing while all are new (`returning` would cost every group), and a count verifies it.
--
-- It sends no notification: a transaction with one holds a lock on the whole queue until it has committed, so
-- groups could not share a flush. The caller sends `weir_raw` after the commit.
create or replace function raw.append(
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
-- a plan made while the table is small stays cached as it grows: the index is fast at any size
set enable_seqscan = off
as $$
declare
  sent int := cardinality(event_ids);
  inserted int;
  seen int;
  verdicts smallint[];
begin
  if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then
    return raw.append_unblocked(service_ids, formats, event_ids, content_hashes, occurred, user_keys, product_keys,
      amounts, currencies, event_types, event_refs, item_lists, payloads);
  end if;

  insert into raw.identities (event_id, service_id, content_hash)
  select unnest(event_ids), unnest(service_ids), unnest(content_hashes)
  on conflict do nothing;
  get diagnostics inserted = row_count;

  if exists (select from erasure.blocks) and raw.any_blocked(user_keys) then
    raise exception 'a user was blocked while the group was being written: write it again' using errcode = '40001';
  end if;

  if inserted = sent
    and not (exists (select from raw.identities_before) and raw.any_remembered(event_ids, service_ids))
  then
    insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key,
      amount, currency, event_type, event_ref, items, payload)
    select unnest(service_ids), unnest(formats), unnest(event_ids), unnest(occurred),
      unnest(user_keys), unnest(product_keys), unnest(amounts), unnest(currencies),
      unnest(event_types), unnest(event_refs), unnest(item_lists), unnest(payloads);
    return null;
  end if;

  -- The content hash of the previous generation counts while the current generation lasts.
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
    raise exception 'raw.append needs its own transaction: % identities inserted, % seen of %',
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

grant execute on function raw.append to weir_ingest;
