# shellcheck shell=bash
# Runs the fuzz targets of tests/fuzz with libFuzzer. Sourced after common.sh.
#
# The counters of branches are asked of the stable compiler by the flags that cargo-fuzz uses; no other tool is needed.

FUZZ_DIR="$CARTULARY_ROOT/tests/fuzz"
FUZZ_TARGET_DIR="$CARGO_TARGET_DIR/fuzz"
FUZZ_TRIPLE="x86_64-unknown-linux-gnu"

# fuzz_flags: counters in each branch, where comparisons lead, and `cfg(fuzzing)`.
fuzz_flags() {
  printf '%s ' --cfg=fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
}

# fuzz_seconds: how long each target runs.
fuzz_seconds() {
  if [[ "${CARTULARY_SOAK:-}" == 1 ]]; then printf 600; else printf 20; fi
}

# run_fuzz: builds all targets and runs each, from its seeds and from what earlier runs here found. What breaks one is kept in
# the folder of logs, and its path is printed.
run_fuzz() {
  local target seconds corpus
  seconds="$(fuzz_seconds)"
  # The target is named, so that build scripts are compiled without the flags.
  RUSTFLAGS="$(fuzz_flags)" cargo build --manifest-path "$FUZZ_DIR/Cargo.toml" --locked --release \
    --target "$FUZZ_TRIPLE" --target-dir "$FUZZ_TARGET_DIR"
  for target in "$FUZZ_DIR"/targets/*.rs; do
    target="$(basename "$target" .rs)"
    corpus="$FUZZ_TARGET_DIR/corpus/$target"
    mkdir -p "$corpus"
    printf 'fuzzing %s for %s s\n' "$target" "$seconds"
    "$FUZZ_TARGET_DIR/$FUZZ_TRIPLE/release/$target" -max_total_time="$seconds" -max_len=2000 -timeout=10 -rss_limit_mb=1024 \
      -artifact_prefix="$STEP_LOGS/fuzz-$target-" -print_final_stats=1 "$corpus" "$FUZZ_DIR/seeds/$target"
  done
}
