-- Which database this is: the cluster's system identifier, which a standby and a base backup share and a cluster
-- that a dump is restored to does not, and the database within the cluster.
create or replace function log.cluster() returns text language sql stable as $$
  select (select system_identifier from pg_control_system()) || '/'
    || (select oid from pg_database where datname = current_database())
$$;
