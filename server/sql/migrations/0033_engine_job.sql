-- The Spark job is started and stopped through the database, so that a command on any machine reaches the process that
-- supervises it.
alter table engine.state
  add column job_wanted boolean not null default true,
  -- the process that would start it, and its last sign of life
  add column supervisor text,
  add column supervised_at timestamptz;
