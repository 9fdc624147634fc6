# shellcheck shell=bash
# moto: a small S3 in Python for the tests, all in memory; it proves no durability. Sourced after common.sh.

moto_pid=""

# moto_install VENV: makes a Python environment in the cache that holds moto, when it is not there. pip needs the network once.
moto_install() {
  [[ ! -x "$1/bin/moto_server" ]] || return 0
  has python3 || return 1
  say "installing moto (an S3 for the tests) into $1"
  [[ -x "$1/bin/pip" ]] || python3 -m venv "$1" || return 1
  "$1/bin/pip" install --quiet --disable-pip-version-check 'moto[server]' || return 1
}

# moto_serves PORT: waits until it takes connections; fails when it ended instead.
moto_serves() {
  local attempt
  for ((attempt = 0; attempt < 600; attempt++)); do
    port_is_free "$1" || return 0
    kill -0 "$moto_pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# start_moto: exports CARTULARY_TEST_S3; without moto it says so, and the tests run on memory and folder only.
start_moto() {
  local venv="$CARTULARY_CACHE/venv" port
  if ! with_lock venv moto_install "$venv" >&2; then
    say "moto cannot be installed: the blob store is not tested on S3"
    return 0
  fi
  port="$(free_port)"
  # It ends with this script, however this script ends.
  setpriv --pdeathsig KILL "$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >/dev/null 2>&1 </dev/null &
  moto_pid=$!
  if ! moto_serves "$port"; then
    stop_moto
    say "moto does not start: the blob store is not tested on S3"
    return 0
  fi
  export CARTULARY_TEST_S3="http://127.0.0.1:$port"
}

# stop_moto: at once; nothing in it is to be kept.
stop_moto() {
  if [[ -n "$moto_pid" ]]; then
    kill -KILL "$moto_pid" 2>/dev/null || true
    wait "$moto_pid" 2>/dev/null || true
    moto_pid=""
  fi
  unset CARTULARY_TEST_S3
}
