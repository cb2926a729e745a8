-- Copying points to an external vector store is called sync; delivery is for webhooks.
alter table vectors.deliveries rename to sync_state;
alter table vectors.sync_state rename column delivered_at to synced_at;
alter table vectors.sync_state rename constraint deliveries_pkey to sync_state_pkey;
alter table vectors.sync_state rename constraint deliveries_store_check to sync_state_store_check;
comment on table vectors.sync_state is
  'How far the points of each collection have been copied to an external vector store.';

-- Processes of the previous version keep working beside this one: simple views can be written to, and the
-- defaults of the table apply. To be dropped once no release without sync_state can be running.
create view vectors.deliveries as
select store, collection_id, name, position, epoch, sweep, caught_up_at, synced_at as delivered_at, points, created_at
from vectors.sync_state;
grant select, insert, update, delete on vectors.deliveries to weir_app;
