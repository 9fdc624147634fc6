# shellcheck shell=bash
# tuspy: somebody else's client of tus, for the test of uploads in several requests. Sourced after install.sh.

TUSPY_VERSION=1.1.0

# want_tus_client: exports CARTULARY_TEST_TUS, a Python that has it; without it that test says that it is skipped.
want_tus_client() {
  if with_lock venv-tus venv_install venv-tus "tuspy==$TUSPY_VERSION" >&2; then
    export CARTULARY_TEST_TUS="$CARTULARY_CACHE/venv-tus/bin/python"
  else
    say "tuspy cannot be installed: uploads in several requests are not tested with somebody else's client"
  fi
}
