//! Sends webhooks by HTTP, signed as Standard Webhooks says, and only to addresses that may be called.
//!
//! The name is resolved here and nowhere else, every address that it has is looked at, and the connection goes to one of just
//! these: an answer that changes between the look and the call changes nothing. Redirects and proxies are not followed.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartulary_repository::{AddressFault, SendOutcome, SendingWebhook, WebhookDelivery, WebhookEvent, WebhookSender};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::config::ConfigError;
use crate::forwarded::Network;
use crate::public_addresses::is_public;
use crate::routes::Change;

/// How long a receiver may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What the office may call for others.
#[derive(Clone, Debug)]
pub struct OutboundConfig {
    /// Addresses and networks that are called though they are not of the open network, such as `10.0.0.0/24`.
    pub allow: Vec<String>,
    /// Whether addresses that begin with `http:` are called, where everybody on the way can read.
    pub allow_http: bool,
    /// How long a receiver may take for its answer.
    pub timeout: Duration,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), allow_http: false, timeout: Duration::from_secs(15) }
    }
}

/// Sends webhooks by HTTP.
#[derive(Clone, Debug)]
pub struct HttpWebhooks {
    client: Client,
    allowed: Allowed,
    allow_http: bool,
}

/// Which addresses are called.
#[derive(Clone, Debug)]
struct Allowed(Arc<Vec<Network>>);

/// A name leads to an address that is not called.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is at {address}, which is no address of the open network, and not allowed by `webhooks.allow`")]
struct Refused {
    name: String,
    address: IpAddr,
}

impl Allowed {
    fn check(&self, name: &str, address: IpAddr) -> Result<(), Refused> {
        let canonical = address.to_canonical();
        if is_public(canonical) || self.0.iter().any(|network| network.contains(canonical)) {
            return Ok(());
        }
        Err(Refused { name: name.to_owned(), address })
    }
}

impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            for address in &found {
                allowed.check(name, address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl HttpWebhooks {
    /// Prepares to send.
    ///
    /// # Errors
    /// [`ConfigError`] for an entry that is no address and no network, and when connections cannot be encrypted.
    pub fn new(config: &OutboundConfig) -> Result<Self, ConfigError> {
        let parse = |entry: &String| {
            Network::parse(entry.trim()).ok_or_else(|| ConfigError::AllowedNetwork { entry: entry.clone() })
        };
        let allowed = Allowed(Arc::new(config.allow.iter().map(parse).collect::<Result<_, _>>()?));
        let client = Client::builder()
            .user_agent(concat!("cartulary/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(allowed.clone())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .pool_max_idle_per_host(1)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(config.timeout)
            .build()
            .map_err(ConfigError::Outbound)?;
        Ok(Self { client, allowed, allow_http: config.allow_http })
    }

    /// Returns the address as it is called.
    fn parse(&self, url: &str) -> Result<Url, AddressFault> {
        let fault = |code, detail: &str| AddressFault { code, detail: detail.to_owned() };
        let url = Url::parse(url).map_err(|_| fault("invalid_url", "is no address such as `https://host/path`"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err(fault("https_required", "begins with `https:`")),
            _ => return Err(fault("invalid_url", "begins with `https:`")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("invalid_url", "has no user name and no password: the signature says who sends"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(fault("invalid_url", "names a host"));
        }
        Ok(url)
    }

    /// Refuses an address that stands in the URL itself, where no name is resolved.
    fn check_literal(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) => self.allowed.check(host, address),
            Err(_) => Ok(()),
        }
    }

    async fn post(&self, delivery: WebhookDelivery) -> SendOutcome {
        let url = match self.parse(&delivery.url) {
            Ok(url) => url,
            Err(fault) => return SendOutcome::AddressRefused { detail: format!("the address {}", fault.detail) },
        };
        if let Err(refused) = self.check_literal(&url) {
            return SendOutcome::AddressRefused { detail: refused.to_string() };
        }
        let body = body_of(&delivery).to_string();
        let seconds = delivery.at.as_millis().div_euclid(1_000);
        let Some(signature) = signature(&delivery.secret, &delivery.id, seconds, &body) else {
            return failed("not_signed", "it could not be signed", None);
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .header("cartulary-webhook", delivery.webhook.to_string())
            .body(body);
        // The answer's body is nothing to us, and is not read.
        match request.send().await {
            Ok(answer) => outcome_of(answer.status(), answer.headers().get(RETRY_AFTER)),
            Err(error) => outcome_of_error(&error),
        }
    }
}

impl WebhookSender for HttpWebhooks {
    fn check(&self, url: &str) -> Result<(), AddressFault> {
        let url = self.parse(url)?;
        let refused = |_: Refused| AddressFault {
            code: "address_refused",
            detail: "is no address of the open network, and not allowed by `webhooks.allow`".to_owned(),
        };
        self.check_literal(&url).map_err(refused)
    }

    fn send(&self, delivery: WebhookDelivery) -> SendingWebhook {
        let sender = self.clone();
        Box::pin(async move { sender.post(delivery).await })
    }
}

fn failed(code: &'static str, detail: impl Into<String>, retry_after: Option<Duration>) -> SendOutcome {
    SendOutcome::Failed { code, detail: detail.into(), retry_after }
}

fn outcome_of(status: StatusCode, retry_after: Option<&reqwest::header::HeaderValue>) -> SendOutcome {
    let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let detail = format!("it answered {}", status.as_u16());
    match status {
        _ if status.is_success() => SendOutcome::Delivered,
        StatusCode::GONE => SendOutcome::Gone,
        _ if status.is_redirection() => failed("redirected", format!("{detail}: redirects are not followed"), None),
        _ => failed("answered_error", detail, seconds.map(Duration::from_secs)),
    }
}

fn outcome_of_error(error: &reqwest::Error) -> SendOutcome {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<Refused>() {
            return SendOutcome::AddressRefused { detail: refused.to_string() };
        }
        cause = found.source();
    }
    if error.is_timeout() {
        return failed("timeout", "it did not answer in time", None);
    }
    if error.is_connect() {
        return failed("unreachable", "no connection could be made", None);
    }
    failed("interrupted", "the connection broke before it answered", None)
}

/// Returns `v1,` and the signature in base64: HMAC-SHA256 over id, seconds and body, with dots between.
fn signature(secret: &[u8], id: &str, seconds: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Returns what is sent.
fn body_of(delivery: &WebhookDelivery) -> Value {
    let (webhook, log) = (delivery.webhook, &delivery.log);
    let (kind, data) = match &delivery.event {
        WebhookEvent::Changes { after, next, entries } => {
            let items: Vec<Change> = entries.iter().cloned().map(Change::from).collect();
            ("changes", json!({ "webhook": webhook, "log": log, "after": after, "next": next, "items": items }))
        }
        WebhookEvent::LogReplaced { previous, after } => {
            ("log_replaced", json!({ "webhook": webhook, "log": log, "previousLog": previous, "after": after }))
        }
        WebhookEvent::Ping => ("ping", json!({ "webhook": webhook, "log": log })),
    };
    json!({ "type": kind, "timestamp": delivery.at, "data": data })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn check(allow: &[&str], allow_http: bool, url: &str, expect: Option<&str>) {
        let allow = allow.iter().map(ToString::to_string).collect();
        let config = OutboundConfig { allow, allow_http, ..OutboundConfig::default() };
        let found = HttpWebhooks::new(&config).unwrap().check(url);
        assert_eq!(found.as_ref().err().map(|fault| fault.code), expect, "{url}");
    }

    #[test]
    fn addresses_that_may_not_be_called_are_refused_however_they_are_written() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://127.1:8480/",
            "https://[fe80::1]/",
        ] {
            check(&[], false, url, Some("address_refused"));
        }
        check(&["127.0.0.0/8"], false, "https://127.0.0.1:8443/in", None);
        check(&["127.0.0.0/8"], false, "https://[::ffff:127.0.0.1]/in", None);
        check(&["127.0.0.0/8"], false, "https://10.0.0.1/in", Some("address_refused"));
        check(&[], false, "https://8.8.8.8/in", None);
        check(&[], false, "https://registry.example/in", None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        check(&[], false, "http://registry.example/", Some("https_required"));
        check(&[], true, "http://registry.example/", None);
        for url in ["", "registry.example", "ftp://registry.example/", "file:///etc/passwd", "https://u:p@r.example/"] {
            check(&[], true, url, Some("invalid_url"));
        }
        assert!(
            HttpWebhooks::new(&OutboundConfig { allow: vec!["here".to_owned()], ..OutboundConfig::default() }).is_err()
        );
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let found = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(found.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
