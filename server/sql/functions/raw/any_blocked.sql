-- Whether any of these users is blocked by an erasure.
create or replace function raw.any_blocked(user_keys text[]) returns boolean language sql stable as $$
  select exists (
    select from unnest(user_keys) key join erasure.blocks b on b.user_hash = sha256(convert_to(key, 'UTF8')))
$$;
