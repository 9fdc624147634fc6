# shellcheck shell=bash
# bagit: the Library of Congress' tool, somebody else's reader of the bags that the office writes. Sourced after install.sh.

BAGIT_VERSION=1.9.0

# want_bagit: exports CARTULARY_BAGIT_PYTHON, a Python that has it; without it that test says that it is skipped.
want_bagit() {
  want_python CARTULARY_BAGIT_PYTHON venv-bagit "bagit==$BAGIT_VERSION" "no other tool looks at the bags of the office"
}
