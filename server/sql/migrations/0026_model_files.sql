-- A model's file, tens of megabytes, in parts that are written one by one: in one statement it filled the WAL by as
-- much at once, and everybody's commit waited for that. Written before the model's row is; parts of no model are what an
-- interrupted fit or a removal has left, and go after an hour.
create table vectors.model_files (
  file_id uuid not null,
  place int not null,
  bytes bytea not null,
  written_at timestamptz not null default now(),
  primary key (file_id, place)
);
-- it does not get smaller
alter table vectors.model_files alter column bytes set storage external;

alter table vectors.models add column file_id uuid, add column file_bytes int;
update vectors.models set file_id = gen_random_uuid(), file_bytes = octet_length(file) where file is not null;
insert into vectors.model_files (file_id, place, bytes)
select file_id, place, substring(file from place * 262144 + 1 for 262144)
from vectors.models cross join lateral generate_series(0, (file_bytes - 1) / 262144) place
where file_id is not null;
alter table vectors.models drop column file;
