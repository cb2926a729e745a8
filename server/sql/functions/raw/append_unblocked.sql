-- raw.append for a group with events of blocked users: those get the verdict 3, the others are appended.
create or replace function raw.append_unblocked(
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
) returns smallint[] language plpgsql as $$
declare
  blocked boolean[] := array(
    select exists (select from erasure.blocks b where b.user_hash = sha256(convert_to(s.key, 'UTF8')))
    from unnest(user_keys) with ordinality s (key, place) order by s.place);
  appended smallint[];
begin
  if false = any (blocked) then
    select raw.append(array_agg(u.service_id order by place), array_agg(u.format order by place),
        array_agg(u.event_id order by place), array_agg(u.content_hash order by place),
        array_agg(u.occurred_at order by place), array_agg(u.user_key order by place),
        array_agg(u.product_key order by place), array_agg(u.amount order by place),
        array_agg(u.currency order by place), array_agg(u.event_type order by place),
        array_agg(u.event_ref order by place), array_agg(u.items order by place), array_agg(u.payload order by place))
    into appended
    from unnest(service_ids, formats, event_ids, content_hashes, occurred, user_keys, product_keys, amounts, currencies,
      event_types, event_refs, item_lists, payloads, blocked)
      with ordinality as u (service_id, format, event_id, content_hash, occurred_at, user_key, product_key, amount,
        currency, event_type, event_ref, items, payload, is_blocked, place)
    where not u.is_blocked;
  end if;
  return array(
    select case when v.is_blocked then 3 else coalesce(appended[v.nth], 0) end::smallint
    from (
      select is_blocked, place, count(*) filter (where not is_blocked) over (order by place) as nth
      from unnest(blocked) with ordinality b (is_blocked, place)
    ) v order by v.place);
end $$;
