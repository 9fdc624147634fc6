# shellcheck shell=bash
# Runs named steps one after the other, whatever fails, and counts. Sourced after common.sh; STEP_LOGS names the folder of logs.

steps_passed=0
steps_failed=0
step_group=""
step_status=0

# run_in_group COMMAND…: runs a command or function in a process group of its own, so that all of it can be ended, and
# leaves its result in step_status. It is never called behind `||` or `if`: there bash would not stop at a step's first error.
run_in_group() {
  set -m
  (
    set -e
    "$@"
  ) </dev/null &
  step_group=$!
  set +m
  step_status=0
  wait "$step_group" || step_status=$?
  # What a step left running is no longer wanted.
  kill -KILL -- "-$step_group" 2>/dev/null || true
  step_group=""
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
  local name="$1" log="$STEP_LOGS/$1.log" started
  shift
  started="$(now_us)"
  run_in_group "$@" >"$log" 2>&1
  report_step "$step_status" "$name" "$started" "$log"
}

# essence: of the chatter of cargo and others, what a person wants to read; all of it is in the log.
essence() {
  awk '
    /^successes:$/ { quiet = 1 }
    /^failures:$|^test result:/ { quiet = 0 }
    /^test .* \.\.\. ok$/ || /^running [0-9]+ tests?$/ || /^ *Compiling / || /^ *$/ { next }
    !quiet { print; fflush() }'
}

# shown_step NAME COMMAND…: its essence is shown while it runs.
shown_step() {
  local name="$1" log="$STEP_LOGS/$1.log" pipe="$STEP_LOGS/$1.pipe" started follower attempt
  shift
  started="$(now_us)"
  printf '      %s …\n' "$name"
  mkfifo "$pipe"
  (tee "$log" | essence) <"$pipe" &
  follower=$!
  run_in_group "$@" >"$pipe" 2>&1
  # A process that escaped its group could hold the pipe open for ever.
  for ((attempt = 0; attempt < 50; attempt++)); do
    kill -0 "$follower" 2>/dev/null || break
    sleep 0.1
  done
  kill "$follower" 2>/dev/null || true
  wait "$follower" 2>/dev/null || true
  rm -f "$pipe"
  report_step "$step_status" "$name" "$started" /dev/null
}
