-- Trigger: raises the revision of everything that a permission decision depends on. Processes cache
-- decisions and reload them when the revision moves or `weir_auth` is notified.
create or replace function auth.touch() returns trigger language plpgsql as $$
begin
  update auth.revision set revision = revision + 1;
  notify weir_auth;
  return null;
end $$;
