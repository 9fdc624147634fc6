# shellcheck shell=bash
# Runs named steps one after the other, whatever fails, and counts. Sourced after common.sh.

STEP_LOGS="${STEP_LOGS:-$(mktemp -d "${TMPDIR:-/tmp}/cartulary-steps.XXXXXX")}"
export STEP_LOGS
steps_passed=0
steps_failed=0
step_group=""

# run_in_group COMMAND…: runs a command or function in a process group of its own, so that all of it can be ended.
run_in_group() {
  set -m
  ("$@") </dev/null &
  step_group=$!
  set +m
  local status=0
  wait "$step_group" || status=$?
  step_group=""
  return "$status"
}

# stop_step: ends what the current step started; for the list of clean-ups.
stop_step() {
  [[ -n "$step_group" ]] || return 0
  kill -TERM -- "-$step_group" 2>/dev/null || true
  wait "$step_group" 2>/dev/null || true
}

# report_step STATUS NAME START_US LOG: one line; the output only when it failed.
report_step() {
  if [[ "$1" -eq 0 ]]; then
    steps_passed=$((steps_passed + 1))
    printf 'ok    %-12s %7s s\n' "$2" "$(seconds_since "$3")"
    return
  fi
  steps_failed=$((steps_failed + 1))
  printf 'FAIL  %-12s %7s s\n' "$2" "$(seconds_since "$3")"
  sed 's/^/      /' "$4"
}

# quiet_step NAME COMMAND…: its output is shown only when it fails.
quiet_step() {
  local name="$1" log="$STEP_LOGS/$1.log" started status=0
  shift
  started="$(now_us)"
  run_in_group "$@" >"$log" 2>&1 || status=$?
  report_step "$status" "$name" "$started" "$log"
}
