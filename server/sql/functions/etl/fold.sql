-- Folds the session's batch into the windows, whichever engine has read it; appends the microseconds of each stage.
create or replace function etl.fold(stage_us int[]) returns int[] language plpgsql set enable_seqscan = off as $$
declare
  stage text;
  since timestamptz;
begin
  foreach stage in array array['names', 'items', 'labels', 'facts', 'counts', 'users', 'sessions', 'products', 'key_facts'] loop
    since := clock_timestamp();
    case stage
      when 'names' then perform etl.fold_names();
      when 'items' then perform etl.fold_items();
      when 'labels' then perform etl.fold_labels();
      when 'facts' then perform etl.fold_facts();
      when 'counts' then perform etl.fold_counts();
      when 'users' then perform etl.fold_users();
      when 'sessions' then perform etl.fold_sessions();
      when 'products' then perform etl.fold_products();
      when 'key_facts' then perform etl.fold_key_facts();
    end case;
    stage_us := stage_us || (extract(epoch from clock_timestamp() - since) * 1e6)::int;
  end loop;
  return stage_us;
end $$;
