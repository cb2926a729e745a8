-- Creates empty work tables for replacing one hour.
create or replace function etl.open_rerun() returns void language plpgsql as $$
begin
  drop table if exists pg_temp.rerun_events, pg_temp.rerun_products, pg_temp.rerun_covered, pg_temp.rerun_users,
    pg_temp.rerun_hours, pg_temp.rerun_days, pg_temp.rerun_sessions, pg_temp.rerun_key_facts, pg_temp.rerun_last_views, pg_temp.rerun_folded, pg_temp.rerun_staged,
    pg_temp.wrong_facts, pg_temp.wrong_counts, pg_temp.wrong_totals, pg_temp.wrong_revenue,
    pg_temp.wrong_product_windows, pg_temp.wrong_product_revenue;
  create temporary table rerun_events (
    occurred_at timestamptz not null, inside boolean not null, user_id int, product_id int, event_type int,
    service_id int not null, action smallint, currency smallint, amount numeric, items json);
  create temporary table rerun_covered (user_id int primary key, until timestamptz not null);
  create temporary table rerun_users (user_id int primary key);
  -- what Spark had folded beyond the position when the hour was staged
  create temporary table rerun_folded (
    xid xid8 not null, event_id uuid not null, service_id int not null, primary key (xid, event_id, service_id));
  -- one row: the hour, and what etl.apply_rerun needs to know of the moment at which it was staged
  create temporary table rerun_staged (
    hour int not null, reader log.readers not null, seen pg_snapshot not null, revision bigint not null,
    rows bigint not null, changed boolean not null);
  create temporary table rerun_last_views (user_id int primary key, last_view_at timestamptz, cart_view_at timestamptz);
end $$;
