-- No event that occurred at `occurred_from` or later was received before this: clocks of senders may be a day ahead, and
-- PostgreSQL's clock may have been behind (etl.note_misdated). Call it in a subquery, else it runs for every row.
create or replace function etl.received_since(occurred_from timestamptz) returns timestamptz language sql stable as $$
  select least(occurred_from - interval '25 hours', (
    select min(received_day)::timestamp at time zone 'UTC' from etl.misdated
    where occurred_day >= (occurred_from at time zone 'UTC')::date))
$$;
