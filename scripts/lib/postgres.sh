# shellcheck shell=bash
# A PostgreSQL to be thrown away: its own folder and port, no durability. Sourced after install.sh.

postgres_dir=""
postgres_pid=""

# as_postgres COMMAND…: PostgreSQL refuses to run as root. It ends with this script, however this script ends.
as_postgres() {
  local user=()
  if is_root; then
    user=(--reuid "$postgres_user" --regid "$postgres_user" --init-groups)
  fi
  exec setpriv "${user[@]}" --pdeathsig QUIT "$@"
}

# postgres_serves BIN PORT: waits until it takes connections; fails when it ended instead.
postgres_serves() {
  local attempt
  for ((attempt = 0; attempt < 300; attempt++)); do
    "$1/pg_isready" -q -h 127.0.0.1 -p "$2" && return 0
    kill -0 "$postgres_pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# start_postgres: exports CARTULARY_TEST_POSTGRES; without PostgreSQL it says so, and the tests run on SQLite only.
# The order of texts is a person's, not that of bytes, as on most installations: a query that relies on either is found.
start_postgres() {
  local bin port
  if ! bin="$(postgres_bin_dir)"; then
    say "PostgreSQL is not here: the tests run on SQLite only"
    return 0
  fi
  postgres_user="$(id -un postgres 2>/dev/null || echo nobody)"
  postgres_dir="$(mktemp -d "${TMPDIR:-/tmp}/cartulary-postgres.XXXXXX")"
  chmod 755 "$postgres_dir"
  is_root && chown "$postgres_user" "$postgres_dir"
  (cd "$postgres_dir" && as_postgres "$bin/initdb" --pgdata="$postgres_dir/data" --username=cartulary --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US --no-sync) >"$postgres_dir/initdb.log" 2>&1 ||
    { cat "$postgres_dir/initdb.log" >&2 && die "cannot make a database cluster"; }
  port="$(free_port)"
  (cd "$postgres_dir" && as_postgres "$bin/postgres" -D "$postgres_dir/data" -p "$port" -k "$postgres_dir" \
    -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=64MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0) \
    >"$postgres_dir/server.log" 2>&1 </dev/null &
  postgres_pid=$!
  if ! postgres_serves "$bin" "$port"; then
    cat "$postgres_dir/server.log" >&2
    die "PostgreSQL does not start"
  fi
  export CARTULARY_TEST_POSTGRES="postgres://cartulary@127.0.0.1:$port/postgres"
}

# stop_postgres: at once; nothing in it is to be kept.
stop_postgres() {
  if [[ -n "$postgres_pid" ]]; then
    kill -QUIT "$postgres_pid" 2>/dev/null || true
    wait "$postgres_pid" 2>/dev/null || true
    postgres_pid=""
  fi
  [[ -z "$postgres_dir" ]] || rm -rf "$postgres_dir"
}
