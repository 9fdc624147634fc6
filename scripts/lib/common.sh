# shellcheck shell=bash
# Paths, words, and tidying up after oneself: what every script shares. Sourced, never run.

CARTULARY_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
export CARTULARY_ROOT
CARTULARY_CACHE="${CARTULARY_CACHE:-${HOME:-/tmp}/.cache/cartulary}"
export CARTULARY_CACHE
# One target folder outside the checkout, so that a second clone does not build the same five hundred crates again.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CARTULARY_CACHE/target}"

# say WORDS…: speaks to the person; standard output is left for results.
say() { printf '%s\n' "$*" >&2; }

# die WORDS…: says why, and ends with 1.
die() {
  say "error: $*"
  exit 1
}

# has COMMAND: is it on the PATH?
has() { command -v "$1" >/dev/null 2>&1; }

# is_root: may this run install Debian packages?
is_root() { [[ "$(id -u)" -eq 0 ]]; }

# now_us: microseconds since the epoch, whatever the locale's decimal sign.
now_us() { printf '%s' "${EPOCHREALTIME//[^0-9]/}"; }

# seconds_since START_US: like "12.3".
seconds_since() {
  local tenths=$((($(now_us) - $1) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# with_lock NAME COMMAND…: one run at a time prepares what is shared in the cache.
with_lock() {
  local name="$1"
  shift
  mkdir -p "$CARTULARY_CACHE"
  (
    flock 9
    "$@" 9>&-
  ) 9>"$CARTULARY_CACHE/$name.lock"
}

# Functions to call at the end, last registered first; the scripts leave no process and no file behind.
cleanups=()
on_exit() { cleanups+=("$1"); }

run_cleanups() {
  local index
  for ((index = ${#cleanups[@]} - 1; index >= 0; index--)); do
    "${cleanups[index]}" || true
  done
}

# clean_up_at_exit: arms the list above, for the end, Ctrl-C and a polite kill.
clean_up_at_exit() {
  trap run_cleanups EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# port_is_free PORT: nobody answers on this machine's loopback address.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: a port below the range that the kernel hands out for outgoing connections.
free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    if port_is_free "$port"; then
      printf '%s' "$port"
      return
    fi
  done
}

# http_status HOST PORT PATH: the status code, or nothing when no one answers.
http_status() {
  local protocol status rest
  {
    exec 3<>"/dev/tcp/$1/$2" || return 0
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" >&3
    read -r -t 5 protocol status rest <&3 || true
    exec 3>&-
  } 2>/dev/null
  [[ "${protocol:-}${rest:-}" == HTTP/* ]] && printf '%s' "${status:-}"
  return 0
}
