-- Whether a text contains a user's key as a word of its own.
create or replace function erasure.mentions(content text, user_key text) returns boolean language sql immutable as $$
  select strpos(content, user_key) > 0
    and content ~ ('(^|\W)' || regexp_replace(user_key, '([^[:alnum:]_[:space:]])', '\\\1', 'g') || '(\W|$)')
$$;
