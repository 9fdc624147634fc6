//! Makes sure that the folder of the built application is there, empty if need be: a checkout without Node builds too.

fn main() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/dist");
    if let Err(error) = std::fs::create_dir_all(folder) {
        println!("cargo:warning=cannot make {folder}: {error}");
    }
    println!("cargo:rerun-if-changed={folder}");
    println!("cargo:rerun-if-changed=build.rs");
}
