# shellcheck shell=bash
# Builds the web application and the server, and only when something changed. Sourced after install.sh.

UI_DIR="$CARTULARY_ROOT/ui"
UI_STAMP="$UI_DIR/.dist.sha256"
SERVER_BIN="$CARGO_TARGET_DIR/release/cartulary"
SERVER_STAMP="$CARGO_TARGET_DIR/release/.cartulary.stamp"

# cargo_features: the features of every build that the scripts make, so that the dependencies are compiled once.
cargo_features() {
  if package_present libpq-dev; then
    printf '%s' "cartulary-server/postgres"
  fi
}

# source_files PATH…: what git knows or would know, NUL-separated, relative to the checkout; without git, what lies there.
source_files() {
  git -C "$CARTULARY_ROOT" ls-files -z --cached --others --exclude-standard -- "$@" 2>/dev/null ||
    (cd "$CARTULARY_ROOT" && find "$@" -type f -not -path '*/node_modules/*' -not -path 'ui/dist/*' -print0 2>/dev/null) ||
    true
}

# build_inputs PATH…: the same without the tests of the web application, which change nothing that is built.
build_inputs() { source_files "$@" | grep -zv '^ui/tests/' | sort -z; }

# ui_present: is there a web application to build?
ui_present() { [[ -e "$UI_DIR/package.json" ]]; }

# ui_packages: `npm ci`, when the lock differs from the one that was installed.
ui_packages() {
  local stamp="$UI_DIR/node_modules/.cartulary-lock" lock
  lock="$(sha256sum <"$UI_DIR/package-lock.json")"
  [[ -e "$stamp" && "$(<"$stamp")" == "$lock" ]] && return 0
  say "Installing the web application's packages from npm (npm ci)"
  (cd "$UI_DIR" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2)
  mkdir -p "$UI_DIR/node_modules"
  printf '%s' "$lock" >"$stamp"
}

# ui_inputs_digest: one hash over the names and contents of all that the built application depends on.
ui_inputs_digest() {
  build_inputs ui | (cd "$CARTULARY_ROOT" && xargs -0 sha256sum -- 2>/dev/null || true) | sha256sum
}

# ui_build: makes ui/dist, when its inputs changed; the hash of the inputs lies beside it.
ui_build() {
  ui_present || return 0
  local inputs
  inputs="$(ui_inputs_digest)"
  [[ -e "$UI_DIR/dist/index.html" && -e "$UI_STAMP" && "$(<"$UI_STAMP")" == "$inputs" ]] && return 0
  need_node
  ui_packages
  say "Building the web application"
  rm -f "$UI_STAMP"
  # Only warnings and errors: the list of some 250 files that were written says nothing to who wants to start an office.
  (cd "$UI_DIR" && npm run build --silent -- --logLevel warn </dev/null >&2)
  printf '%s' "$inputs" >"$UI_STAMP"
}

# server_stamp: where, which features, and size and moment of every input and of the result. It costs some 20 ms;
# asking cargo costs the better part of a second, and a second start must be healthy within one.
server_stamp() {
  {
    printf '%s %s\n' "$CARTULARY_ROOT" "$(cargo_features)"
    build_inputs Cargo.toml Cargo.lock crates schema storage-config ui |
      (cd "$CARTULARY_ROOT" && xargs -0 stat --format '%n %s %.9Y' -- 2>/dev/null || true)
    find "$UI_DIR/dist" -type f -printf '%p %s %T@\n' 2>/dev/null | sort || true
    stat --format '%n %s %.9Y' "$SERVER_BIN" 2>/dev/null || true
  } | sha256sum
}

# server_is_current: is the program there, made from just these inputs?
server_is_current() {
  [[ -x "$SERVER_BIN" && -e "$SERVER_STAMP" && "$(<"$SERVER_STAMP")" == "$(server_stamp)" ]]
}

# server_build: installs what the build needs, then UI and program.
server_build() {
  need_rust
  need_packages build-essential
  want_packages pkg-config libpq-dev bubblewrap poppler-utils
  ui_build
  say "Building the server (the first time takes some minutes)"
  (cd "$CARTULARY_ROOT" && cargo build --release --locked --features "$(cargo_features)" --bin cartulary)
  server_stamp >"$SERVER_STAMP"
}
