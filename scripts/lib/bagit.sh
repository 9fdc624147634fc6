# shellcheck shell=bash
# bagit: the Library of Congress' tool, somebody else's reader of the bags that the office writes. Sourced after install.sh.

BAGIT_VERSION=1.9.0

# want_bagit: exports CARTULARY_BAGIT_PYTHON, a Python that has it; without it that test says that it is skipped.
want_bagit() {
  if with_lock venv-bagit venv_install venv-bagit "bagit==$BAGIT_VERSION" >&2; then
    export CARTULARY_BAGIT_PYTHON="$CARTULARY_CACHE/venv-bagit/bin/python"
  else
    say "bagit cannot be installed: no other tool looks at the bags of the office"
  fi
}
