//! What all handlers share.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cartulary_repository::Repository;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::config::{ConfigError, HttpConfig};
use crate::following::Followers;
use crate::forwarded::TrustedProxies;
use crate::modules::ModuleRoutes;
use crate::pace::Bodies;
use crate::rate_limit::RateLimit;
use crate::web_ui::WebUi;
use crate::{metrics, tls_gate};

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Repository,
    config: HttpConfig,
    trusted_proxies: TrustedProxies,
    requests: RateLimit,
    sign_ins: RateLimit,
    bodies: Arc<Bodies>,
    metrics_token: Option<String>,
    metrics: PrometheusHandle,
    modules: Vec<ModuleRoutes>,
    web_ui: Option<Arc<dyn WebUi>>,
    tls_hint: String,
    openapi: OnceLock<Bytes>,
    without_query: OnceLock<HashSet<String>>,
    followers: Arc<Followers>,
    closing: watch::Sender<bool>,
}

/// What an [`AppState`] is made of, beside the repository.
#[derive(Default)]
pub struct Parts {
    /// The configuration.
    pub config: HttpConfig,
    /// The routes of the modules.
    pub modules: Vec<ModuleRoutes>,
    /// The web application; without one `/` says how to build it.
    pub web_ui: Option<Arc<dyn WebUi>>,
    /// What a refusal of plain HTTP says to do; empty: the words of this crate.
    pub tls_hint: String,
}

impl AppState {
    /// Puts together what the handlers share.
    ///
    /// # Errors
    /// [`ConfigError`] when the configuration cannot be used.
    pub fn new(repository: Repository, parts: Parts) -> Result<Self, ConfigError> {
        let Parts { config, modules, web_ui, tls_hint } = parts;
        let metrics_token = config.metrics_token()?;
        let inner = Inner {
            repository,
            trusted_proxies: TrustedProxies::parse(&config.trusted_proxies)?,
            requests: RateLimit::new(f64::from(config.requests_per_second), config.request_burst),
            sign_ins: RateLimit::new(f64::from(config.sign_ins_per_minute) / 60.0, config.sign_in_burst),
            bodies: Arc::new(Bodies::new(config.max_uploads, config.max_uploads_per_client)),
            metrics_token,
            metrics: metrics::recorder(),
            modules,
            web_ui,
            tls_hint: if tls_hint.is_empty() { tls_gate::DEFAULT_HINT.to_owned() } else { tls_hint },
            openapi: OnceLock::new(),
            without_query: OnceLock::new(),
            followers: Arc::default(),
            closing: watch::Sender::new(false),
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the repository.
    pub fn repository(&self) -> &Repository {
        &self.inner.repository
    }

    /// Returns the configuration.
    pub fn config(&self) -> &HttpConfig {
        &self.inner.config
    }

    pub(crate) fn trusted_proxies(&self) -> &TrustedProxies {
        &self.inner.trusted_proxies
    }

    pub(crate) fn requests(&self) -> &RateLimit {
        &self.inner.requests
    }

    pub(crate) fn sign_ins(&self) -> &RateLimit {
        &self.inner.sign_ins
    }

    pub(crate) fn bodies(&self) -> &Arc<Bodies> {
        &self.inner.bodies
    }

    pub(crate) fn metrics_token(&self) -> Option<&str> {
        self.inner.metrics_token.as_deref()
    }

    pub(crate) fn metrics(&self) -> &PrometheusHandle {
        &self.inner.metrics
    }

    pub(crate) fn modules(&self) -> &[ModuleRoutes] {
        &self.inner.modules
    }

    pub(crate) fn web_ui(&self) -> Option<&dyn WebUi> {
        self.inner.web_ui.as_deref()
    }

    /// Returns the OpenAPI document of the core and the modules, as JSON.
    /// Says whether an operation, as `GET /path`, takes no query.
    pub(crate) fn takes_no_query(&self, operation: &str) -> bool {
        let known = || crate::openapi::described(self.modules()).without_query().collect();
        self.inner.without_query.get_or_init(known).contains(operation)
    }

    pub(crate) fn openapi(&self) -> Bytes {
        self.inner.openapi.get_or_init(|| Bytes::from(crate::openapi::json(self.modules()))).clone()
    }

    /// Returns who follows the log.
    pub(crate) fn followers(&self) -> &Arc<Followers> {
        &self.inner.followers
    }

    /// Returns what says when the office closes, to whoever would wait longer.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.inner.closing.subscribe()
    }

    /// Says that the office closes: whoever waits for changes is told that none come, and streams end.
    pub fn close(&self) {
        self.inner.closing.send_replace(true);
    }

    pub(crate) fn tls_hint(&self) -> &str {
        &self.inner.tls_hint
    }
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").field("repository", &self.inner.repository).finish_non_exhaustive()
    }
}
