# shellcheck shell=bash
# Adds up what the logs of several test runners say. Sourced after steps.sh.

tests_passed=0
tests_failed=0
tests_skipped=0

# count_log LOG: prints "passed failed skipped" from the closing lines of cargo test, vitest, node --test and scripts/check.
count_log() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    function before(word,   i) { for (i = 2; i <= NF; i++) if ($i ~ "^" word) return $(i - 1) + 0; return 0 }
    /^test result:/ || /^gates:/ || /^ *Tests  / { passed += before("passed"); failed += before("failed"); skipped += before("(ignored|skipped)") }
    /^(#|ℹ) pass [0-9]+$/ { passed += $3 }
    /^(#|ℹ) fail [0-9]+$/ { failed += $3 }
    /^(#|ℹ) skipped [0-9]+$/ { skipped += $3 }
    END { print passed + 0, failed + 0, skipped + 0 }'
}

# skips_in LOG…: the lines with which tests say that they did not run, without the name of the runner before them.
skips_in() { sed -nE 's/^[[:space:]]*#?[[:space:]]*(SKIPPED: .*)$/\1/p' "$@"; }

# tally STATUS LOG: adds one log; a run that failed without a count is one failure, one that passed without is one pass.
# A test that says SKIPPED ended well for its runner: it moves from the passed to the skipped.
tally() {
  local passed failed skipped said
  read -r passed failed skipped < <(count_log "$2")
  said="$(skips_in "$2" | wc -l)"
  ((said <= passed)) || said=$passed
  if [[ "$1" -ne 0 && $failed -eq 0 ]]; then
    failed=1
  elif [[ "$1" -eq 0 && $((passed + failed + skipped)) -eq 0 ]]; then
    passed=1
  fi
  tests_passed=$((tests_passed + passed - said))
  tests_failed=$((tests_failed + failed))
  tests_skipped=$((tests_skipped + skipped + said))
}
