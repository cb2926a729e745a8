-- When a page last left this model out because its embedder was away: what the page changed is missing in the
-- model's collections, so `rebuild` is set with it. The model that answers is never left out.
alter table vectors.models add column set_aside_at timestamptz;
