//! Writes the papers of the demonstration office into a folder, a sub-folder for each dossier: something to import.
//!
//! `cargo run -p cartulary-demo --example papers -- FOLDER`

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    for file in cartulary_demo::sample_files() {
        let dossier = folder.join(&file.dossier);
        fs::create_dir_all(&dossier)?;
        let name = if file.version == 1 { file.name } else { format!("v{} {}", file.version, file.name) };
        fs::write(dossier.join(name), &file.bytes)?;
    }
    Ok(())
}
