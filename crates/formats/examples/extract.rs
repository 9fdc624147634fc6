//! Prints what is read from files: `cargo run -p cartulary-formats --example extract -- WORKER FILE…` (WORKER is the worker program).
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use cartulary_formats::{WorkerConfig, WorkerPool};
use std::path::PathBuf;
use std::time::Instant;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let Some(worker) = args.next() else { return };
    let pool = WorkerPool::new(WorkerConfig::new(worker, Vec::new()));
    println!("{:?}", pool.containment());
    for file in args {
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        let begun = Instant::now();
        let read = pool.extract(PathBuf::from(&file), None, &name).await;
        println!("==== {file} ({} ms)", begun.elapsed().as_millis());
        match read {
            Ok(read) => {
                println!("{} {:?} {:?} {:?}", read.media_type, read.page_count, read.text_state, read.metadata);
                for fault in &read.faults {
                    println!("! {} {:?}: {}", fault.code, fault.page_number, fault.detail);
                }
                for page in &read.pages {
                    println!("---- {} {:?}x{:?} {:?}", page.page_number, page.width_pt, page.height_pt, page.language);
                    println!("{}", page.text);
                }
            }
            Err(error) => println!("!! {error}"),
        }
    }
    println!("{:?}", pool.report());
}
