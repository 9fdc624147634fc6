//! nginx, as the limit of what a download can be.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::connection::Connection;
use crate::office::free_address;
use crate::process::Running;
use crate::tls::Certificate;

/// nginx, serving a folder in the clear and over TLS.
#[derive(Debug)]
pub struct Nginx {
    /// The process; its workers are below it.
    pub process: Running,
    /// Where it answers in the clear.
    pub plain: SocketAddr,
    /// Where it answers over TLS.
    pub tls: SocketAddr,
}

impl Nginx {
    /// Starts it on the files of `files`, without a log of requests and with `sendfile`: as fast as it goes.
    pub fn start(folder: &Path, files: &Path, made: &Certificate) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let (plain, tls) = (free_address()?, free_address()?);
        // Workers of root would otherwise be another user's, who may not read the folder.
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let configuration = format!(
            "{user} worker_processes auto; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
             events {{ worker_connections 512; }}
             http {{
               access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
               client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
               uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
               server {{ listen {plain}; root {files}; }}
               server {{ listen {tls} ssl; root {files}; ssl_certificate {certificate}; ssl_certificate_key {key};
                         ssl_protocols TLSv1.3; }}
             }}",
            folder = folder.display(),
            files = files.display(),
            certificate = made.certificate.display(),
            key = made.key.display(),
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(folder);
        let nginx = Self { process: Running::start(command, &folder.join("nginx.log"))?, plain, tls };
        for _ in 0..300 {
            if Connection::plain(plain).is_ok() {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("nginx does not answer: {}", fs::read_to_string(folder.join("nginx.log")).unwrap_or_default())
    }
}
