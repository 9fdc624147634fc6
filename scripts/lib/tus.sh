# shellcheck shell=bash
# tuspy: somebody else's client of tus, for the test of uploads in several requests. Sourced after install.sh.

TUSPY_VERSION=1.1.0

# want_tus_client: exports CARTULARY_TEST_TUS, a Python that has it; without it that test says that it is skipped.
want_tus_client() {
  want_python CARTULARY_TEST_TUS venv-tus "tuspy==$TUSPY_VERSION" "uploads in several requests are not tested with somebody else's client"
}
