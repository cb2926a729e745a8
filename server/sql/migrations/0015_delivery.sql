-- How far each collection's points were delivered to a vector store outside of PostgreSQL.
create table vectors.deliveries (
  -- which store, should there be several
  store text not null check (length(store) between 1 and 100),
  -- no foreign key: a collection that is gone here has yet to be removed there
  collection_id int not null,
  -- its name there
  name text not null,
  -- of the change feed, see vectors/feed.ts; '1:1:' is before every point
  position text not null default '1:1:',
  -- counts resets: a page that was read before one may not move the position after it
  epoch bigint not null default 0,
  -- after a refill: points there that are no longer here have to be looked for
  sweep boolean not null default false,
  -- when the feed was last read to its end, and all of it was there
  caught_up_at timestamptz,
  delivered_at timestamptz,
  points bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  primary key (store, collection_id)
);
grant select, insert, update, delete on vectors.deliveries to weir_app;
