# shellcheck shell=bash
# A real office, started by scripts/start as a person would, for the browser journeys. Sourced after build.sh.

office_dir=""
office_pid=""
office_port=""
office_flags=(--demo)

# prepare_office: a folder and an address of its own, and a password known to the journeys.
prepare_office() {
  office_dir="$(mktemp -d "${TMPDIR:-/tmp}/cartulary-office.XXXXXX")"
  office_port="$(free_port)"
  export CARTULARY_ADMIN_PASSWORD="journey-$RANDOM-$RANDOM-$RANDOM"
  export CARTULARY_URL="http://127.0.0.1:$office_port"
  export CARTULARY_USER="admin"
  export CARTULARY_PASSWORD="$CARTULARY_ADMIN_PASSWORD"
  export CARTULARY_SCREENS="$CARTULARY_ROOT/target/screens"
  mkdir -p "$CARTULARY_SCREENS"
}

# start_office: starts it and waits until it says that it is ready, two minutes at most.
start_office() {
  local attempt
  setpriv --pdeathsig TERM "$CARTULARY_ROOT/scripts/start" --data "$office_dir/data" \
    --listen "127.0.0.1:$office_port" "${office_flags[@]}" >>"$office_dir/server.log" 2>&1 </dev/null &
  office_pid=$!
  for ((attempt = 0; attempt < 6000; attempt++)); do
    [[ "$(http_status 127.0.0.1 "$office_port" /health/ready)" == 200 ]] && return 0
    kill -0 "$office_pid" 2>/dev/null || break
    sleep 0.02
  done
  tail -n 40 "$office_dir/server.log" >&2
  return 1
}

# end_office SIGNAL: and waits until it is gone.
end_office() {
  [[ -n "$office_pid" ]] || return 0
  kill "-$1" "$office_pid" 2>/dev/null || true
  wait "$office_pid" 2>/dev/null || true
  office_pid=""
}

# remove_office: for the list of clean-ups.
remove_office() {
  end_office KILL
  [[ -z "$office_dir" ]] || rm -rf "$office_dir"
}

# office_starts_quickly: after a kill, healthy within a second; the best of three, since the machine may be busy.
office_starts_quickly() {
  local attempt started millis best=999999
  office_flags=()
  for attempt in 1 2 3; do
    end_office KILL
    started="$(now_us)"
    start_office || return 1
    millis=$((($(now_us) - started) / 1000))
    say "start $attempt after a kill: healthy after $millis ms"
    ((millis < best)) && best=$millis
  done
  ((best < 1000))
}

# office_is_clean: stops it politely and has every blob, row and index entry verified.
office_is_clean() {
  end_office TERM
  "$SERVER_BIN" verify --data "$office_dir/data"
}
