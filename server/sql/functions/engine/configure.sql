-- Applies the setting `engine.windows` at a start. It decides when it has changed since it was applied last: a restart
-- keeps what was chosen at run time. Returns the engine that folds the windows now.
create or replace function engine.configure(setting text) returns text language plpgsql as $$
declare
  before text;
begin
  perform from log.readers where name = 'windows' for no key update;
  select configured into before from engine.state;
  if before is distinct from setting then
    perform engine.use(setting, 'configuration');
    update engine.state set configured = setting;
  end if;
  return (select s.engine from engine.state s);
end $$;
