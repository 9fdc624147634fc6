# shellcheck shell=bash
# Garage: an S3 that offices run themselves, for the tests, when its program is in the cache. Sourced after common.sh.
# Nobody waits for its build here; this puts it there (20 minutes on two cores):
#   cargo install garage --version 2.5.0 --locked --root "$CARTULARY_CACHE/tools"

garage_pid=""
garage_dir=""

# garage_program: where it is; fails when it is not.
garage_program() {
  local program="${CARTULARY_GARAGE:-$CARTULARY_CACHE/tools/bin/garage}"
  [[ -x "$program" ]] && printf '%s\n' "$program"
}

# random_hex COUNT: so many digits.
random_hex() { head -c "$(($1 / 2))" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# garage_settings S3 RPC ADMIN: its configuration, of one node that syncs what it is given.
garage_settings() {
  cat <<SETTINGS
metadata_dir = "$garage_dir/meta"
data_dir = "$garage_dir/data"
db_engine = "sqlite"
metadata_fsync = true
data_fsync = true
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$2"
rpc_public_addr = "127.0.0.1:$2"
rpc_secret = "$(random_hex 64)"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$1"
root_domain = ".s3.garage.localhost"
[admin]
api_bind_addr = "127.0.0.1:$3"
SETTINGS
}

# garage_serves PORT: waits until it is well; fails when it ended instead.
garage_serves() {
  local attempt
  for ((attempt = 0; attempt < 300; attempt++)); do
    ! curl --silent --fail --output /dev/null "http://127.0.0.1:$1/health" || return 0
    kill -0 "$garage_pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# on_garage COMMAND…: runs it with the variables of the S3 tests set to a Garage of its own; fails when there is none.
on_garage() {
  local program s3 rpc admin status=0
  program="$(garage_program)" || return 1
  garage_dir="$(mktemp -d "${TMPDIR:-/tmp}/cartulary-garage.XXXXXX")"
  s3="$(free_port)" rpc="$(free_port)" admin="$(free_port)"
  (umask 077 && garage_settings "$s3" "$rpc" "$admin" >"$garage_dir/garage.toml")
  local -x CARTULARY_TEST_S3="http://127.0.0.1:$s3" CARTULARY_TEST_S3_BUCKET=cartulary CARTULARY_TEST_S3_REGION=garage
  local -x CARTULARY_TEST_S3_ACCESS_KEY CARTULARY_TEST_S3_SECRET_KEY
  CARTULARY_TEST_S3_ACCESS_KEY="GK$(random_hex 24)" CARTULARY_TEST_S3_SECRET_KEY="$(random_hex 64)"
  # It ends with this script, however this script ends.
  GARAGE_DEFAULT_BUCKET="$CARTULARY_TEST_S3_BUCKET" GARAGE_DEFAULT_ACCESS_KEY="$CARTULARY_TEST_S3_ACCESS_KEY" \
    GARAGE_DEFAULT_SECRET_KEY="$CARTULARY_TEST_S3_SECRET_KEY" setpriv --pdeathsig KILL \
    "$program" -c "$garage_dir/garage.toml" server --single-node --default-bucket \
    >"$garage_dir/log" 2>&1 </dev/null &
  garage_pid=$!
  if garage_serves "$admin"; then
    "$@" || status=$?
  else
    tail -5 "$garage_dir/log" >&2
    status=1
  fi
  stop_garage
  return "$status"
}

# stop_garage: at once; nothing in it is to be kept.
stop_garage() {
  if [[ -n "$garage_pid" ]]; then
    kill -KILL "$garage_pid" 2>/dev/null || true
    wait "$garage_pid" 2>/dev/null || true
    garage_pid=""
  fi
  [[ -z "$garage_dir" ]] || rm -rf "$garage_dir"
  garage_dir=""
}
