//! The bare server that we are compared with: actix-web, and nothing that an office needs.
//!
//! `PUT /blobs/{name}` hashes the body and makes it durable; `GET /constant` answers bytes that never change.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::connection::Connection;
use crate::process::Running;
use crate::settings::Settings;

/// The argument that makes this program the bare server.
pub const WORD: &str = "bare-server";

/// A bare server that runs, as a process of its own.
#[derive(Debug)]
pub struct Control {
    /// The process.
    pub process: Running,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Control {
    /// Starts one that keeps blobs in `folder`, and answers `constant_bytes` bytes.
    pub fn start(settings: &Settings, folder: &Path, constant_bytes: usize) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let address = crate::office::free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(address.to_string()).arg(folder).arg(constant_bytes.to_string());
        settings.slow_syncs_of(&mut command)?;
        let process = Running::start(command, &folder.with_extension("log"))?;
        let control = Self { process, address };
        for _ in 0..500 {
            if Connection::plain(address).is_ok() {
                return Ok(control);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        anyhow::bail!("the bare server does not answer")
    }
}

/// Is the bare server, until it is ended.
pub fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(2);
    let address: SocketAddr = arguments.next().context("no address")?.parse()?;
    let folder = PathBuf::from(arguments.next().context("no folder")?);
    let size: usize = arguments.next().context("no size")?.parse()?;
    make_shards(&folder)?;
    let constant = Bytes::from(vec![b'x'; size]);
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(folder.clone()))
                .app_data(Data::new(constant.clone()))
                .route("/blobs/{name}", web::put().to(put_blob))
                .route("/constant", web::get().to(get_constant))
        });
        anyhow::Ok(server.workers(workers()).bind(address)?.run().await?)
    })
}

/// As many as the office takes by itself.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

async fn get_constant(constant: Data<Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(constant.get_ref().clone())
}

async fn put_blob(folder: Data<PathBuf>, mut body: Payload) -> Result<HttpResponse, actix_web::Error> {
    let mut bytes = Vec::new();
    let mut hasher = Sha256::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        hasher.update(&chunk);
        bytes.extend_from_slice(&chunk);
    }
    let name = hexadecimal(&hasher.finalize());
    let stored = web::block(move || store(folder.get_ref(), &name, &bytes).map(|()| name)).await?;
    Ok(HttpResponse::Created().body(stored?))
}

/// Makes the 256 folders that the names are spread over.
pub fn make_shards(root: &Path) -> std::io::Result<()> {
    (0..=255_u8).try_for_each(|first| fs::create_dir_all(root.join(format!("{first:02x}"))))
}

/// Writes bytes, syncs them, renames the file to its name, and syncs the folder.
pub fn store(root: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let shard = root.join(name.get(..2).unwrap_or_default());
    let staged = shard.join(format!("{name}.part"));
    let mut file = File::create(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&staged, shard.join(name))?;
    File::open(&shard)?.sync_all()
}

/// Returns bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
