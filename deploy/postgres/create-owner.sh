#!/bin/sh
# Runs once, when the volume of PostgreSQL is empty: the owner of Weir's database, without superuser, as
# docs/guides/production.md describes it. `weir migrate` creates the other logins.
set -eu
password=$(sed -n 's|^[a-z]*://weir_owner:\([0-9A-Za-z]*\)@.*$|\1|p' /run/secrets/database_url)
[ -n "$password" ] || {
  echo "/run/secrets/database_url is not a URL of weir_owner with a password of letters and digits" >&2
  exit 1
}
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<END
create role weir_owner login createrole password '$password';
create database weir owner weir_owner;
END
