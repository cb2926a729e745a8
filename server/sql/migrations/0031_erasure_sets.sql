-- An erasure covers one fixed set of events, and takes them out of the windows itself.

alter table erasure.requests
  -- what happens to events of the user that arrive after the request
  add column after_request text not null default 'allow' check (after_request in ('block', 'allow')),
  -- The set: the user's events that this snapshot shows. With `allow` it is taken in the transaction of the
  -- request; with `block` as soon as every event that was accepted before the block is visible.
  add column seen pg_snapshot,
  -- as log.readers.since
  add column seen_since timestamptz,
  -- how far it is; see parts/erasure/stages.ts. `stage` is for people.
  add column step smallint not null default 0,
  -- the erased history in the analytics, which has no name any more; null when there is none
  add column analytics_user int,
  -- pages of the log up to this one may hold events of the set
  add column last_page bigint,
  add column hours_corrected int not null default 0,
  add column hours_kept int not null default 0;

-- Users whose events are refused, by the SHA-256 of their key.
create table erasure.blocks (
  user_hash bytea primary key check (length(user_hash) = 32),
  request_id uuid not null references erasure.requests (id),
  blocked_at timestamptz not null default now()
);
grant select, insert, delete on erasure.blocks to weir_app;

-- Fences for reruns, which compare an hour in one transaction and correct it in the next: an hour from which
-- events of erased users were taken in between, and users whose history was separated in between.
create table etl.retractions (hour int primary key, xid xid8 not null);
create table etl.retired_users (user_id int primary key, xid xid8 not null default pg_current_xact_id());

-- Erasures of the previous version: finished ones keep their counts. Of open ones the raw events may be gone
-- already, so their hours are recomputed; then they start again, which is safe at every stage.
update erasure.requests r
set hours_corrected = h.queued, hours_kept = case when r.state = 'done' then h.noted - h.queued else 0 end
from (
  select request_id, count(*)::int as noted, count(run_id)::int as queued from erasure.hours group by 1
) h where h.request_id = r.id;
insert into etl.window_runs (size, start, state, requested_by)
select distinct 'hour', h.hour, 'queued', 'erasure'
from erasure.hours h join erasure.requests r on r.id = h.request_id
where r.state <> 'done' and not etl.raw_events_gone(floor(extract(epoch from h.hour) / 86400)::int);
update erasure.requests set state = 'queued', stage = null, error = null, hours_corrected = 0 where state <> 'done';
-- Replaced. A process of the previous version that is still running fails at them and leaves the request to
-- this version. Nothing writes to erasure.hours any more; processes of the previous version still read it.
drop function erasure.erase_day(uuid, regclass);
drop function erasure.erase_analytics(text);
