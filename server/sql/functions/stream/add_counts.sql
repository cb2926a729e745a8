-- Adds counts of event types to those of a product.
create or replace function stream.add_counts(kept jsonb, added jsonb) returns jsonb language sql immutable strict as $$
  select kept || jsonb_object_agg(key, coalesce((kept ->> key)::bigint, 0) + value::bigint)
  from jsonb_each_text(added)
$$;
