//! SHA-256 on one thread: as we use it, and as `openssl speed` does.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::load::median;
use crate::make::Chance;
use crate::report::{Row, short};
use crate::settings::Settings;

const BLOCK_BYTES: usize = 16_384;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let seconds = settings.count(2, 1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        ours.push(our_speed(seconds));
        theirs.push(speed_of_openssl(seconds)?);
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    let mb = |speeds: &[f64]| format!("{} MB/s", short(median(speeds) / 1e6));
    Ok(vec![Row::at_least("SHA-256, one thread, blocks of 16 KB", mb(&ours), mb(&theirs), median(&ratios), 0.8)])
}

fn our_speed(seconds: usize) -> f64 {
    let block = Chance::new(1).bytes(BLOCK_BYTES);
    let time = Duration::from_secs(seconds as u64);
    let begin = Instant::now();
    let mut blocks = 0_u64;
    while begin.elapsed() < time {
        for _ in 0..100 {
            black_box(Sha256::digest(black_box(&block)));
        }
        blocks += 100;
    }
    (blocks * BLOCK_BYTES as u64) as f64 / begin.elapsed().as_secs_f64()
}

fn speed_of_openssl(seconds: usize) -> anyhow::Result<f64> {
    let mut command = Command::new("openssl");
    command.args(["speed", "-mr", "-elapsed", "-evp", "sha256", "-bytes", "16384", "-seconds", &seconds.to_string()]);
    let output = command.output().context("openssl is not installed")?;
    ensure!(output.status.success(), "openssl speed failed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.starts_with("+F:")).context("openssl said no figure")?;
    line.rsplit(':').next().and_then(|figure| figure.parse().ok()).context("openssl said an odd figure")
}
