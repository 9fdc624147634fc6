//! Opens a store of objects.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use secrecy::ExposeSecret;

use super::Objects;
use crate::S3Config;
use crate::error::{BlobError, Result};

/// The smallest part that S3 takes, other than the last one, in bytes.
const SMALLEST_PART_BYTES: u64 = 5 * 1024 * 1024;

/// The largest part that is kept in memory, in bytes.
const LARGEST_PART_BYTES: u64 = 256 * 1024 * 1024;

impl S3Config {
    /// Says whether these settings hold together and their secrets can be read. Sends nothing.
    ///
    /// # Errors
    /// [`BlobError::Config`], as [`BlobStore::open`](crate::BlobStore::open) answers.
    pub fn check(&self) -> Result<(), BlobError> {
        Objects::in_bucket(self).map(drop)
    }
}

impl Objects {
    /// Opens an empty store in memory.
    pub(crate) fn in_memory() -> Self {
        Self {
            kind: "memory",
            store: Arc::new(InMemory::new()),
            part_bytes: 1024 * 1024,
            copy_limit_bytes: u64::MAX,
            keys: None,
        }
    }

    /// Opens a bucket. Sends nothing: what it can do, and whether it is there, the probe finds out.
    pub(crate) fn in_bucket(config: &S3Config) -> Result<Self> {
        let part_bytes = part_bytes(config)?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(config.access_key.read("accessKey")?.expose_secret())
            .with_secret_access_key(config.secret_key.read("secretKey")?.expose_secret())
            .with_virtual_hosted_style_request(!config.path_style)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(client_options(config))
            .with_retry(retry_config(config));
        if !config.endpoint.is_empty() {
            builder = builder.with_endpoint(endpoint(config)?);
        }
        let bucket = builder.build().map_err(|error| unusable("s3", error.to_string()))?;
        let prefix = ObjectPath::parse(&config.prefix).map_err(|error| unusable("prefix", error.to_string()))?;
        Ok(Self {
            kind: "s3",
            store: Arc::new(PrefixStore::new(bucket, prefix)),
            part_bytes,
            copy_limit_bytes: config.copy_limit_bytes,
            keys: None,
        })
    }
}

fn part_bytes(config: &S3Config) -> Result<usize> {
    let is_usable = (SMALLEST_PART_BYTES..=LARGEST_PART_BYTES).contains(&config.part_bytes);
    let part_bytes = usize::try_from(config.part_bytes).ok().filter(|_| is_usable);
    part_bytes.ok_or_else(|| {
        unusable("partBytes", format!("it must lie between {SMALLEST_PART_BYTES} and {LARGEST_PART_BYTES}"))
    })
}

/// Returns the address in the form that the client wants: with the bucket in the host name unless it is in the path.
fn endpoint(config: &S3Config) -> Result<String> {
    let Some((scheme, host)) = config.endpoint.trim_end_matches('/').split_once("://") else {
        return Err(unusable("endpoint", "it must begin with https:// or http://".to_owned()));
    };
    match scheme {
        "https" => {}
        "http" if config.allow_http => {}
        "http" => return Err(unusable("endpoint", "plain http is not allowed; see allowHttp".to_owned())),
        _ => return Err(unusable("endpoint", "it must begin with https:// or http://".to_owned())),
    }
    if config.path_style {
        Ok(format!("{scheme}://{host}"))
    } else {
        Ok(format!("{scheme}://{}.{host}", config.bucket))
    }
}

fn client_options(config: &S3Config) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(config.allow_http)
        .with_connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .with_timeout(Duration::from_millis(config.request_timeout_ms))
}

fn retry_config(config: &S3Config) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: usize::try_from(config.retries).unwrap_or(usize::MAX),
        retry_timeout: Duration::from_millis(config.retry_timeout_ms),
    }
}

const fn unusable(setting: &'static str, reason: String) -> BlobError {
    BlobError::Config { setting, reason }
}
