//! A client of a running office: signs in with a token, speaks JSON, and is patient while the office cannot be reached.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::Remote;
use crate::contact::{Contact, GIVE_UP_AFTER, Patience, Pulse};

/// An office that is there accepts a connection at once; the rest of the time is for slow lines.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

const IN_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>').add(b'=').add(b'?');

/// Escapes a text as the value of a query.
pub fn query_value(text: &str) -> String {
    query_value_of_bytes(text.as_bytes())
}

/// Escapes bytes as the value of a query.
pub fn query_value_of_bytes(bytes: &[u8]) -> String {
    percent_encode(bytes, IN_QUERY).to_string()
}

/// What an office answers when it refuses (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// A stable snake_case code.
    #[serde(default)]
    pub code: String,
    /// What is wrong, in general.
    #[serde(default)]
    pub title: String,
    /// What is wrong, in this case.
    #[serde(default)]
    pub detail: Option<String>,
    /// The fields that are wrong.
    #[serde(default)]
    pub violations: Vec<Violation>,
    /// What the answer's header said, in seconds.
    #[serde(skip)]
    pub retry_after_seconds: Option<u64>,
}

/// One field that is wrong.
#[derive(Debug, Clone, Deserialize)]
pub struct Violation {
    /// What is wrong, for a person.
    #[serde(default)]
    pub detail: String,
}

impl Problem {
    /// Returns what is wrong, for a person.
    pub fn in_words(&self) -> String {
        let mut words = self.detail.clone().unwrap_or_else(|| self.title.clone());
        let details = self.violations.iter().map(|violation| violation.detail.as_str());
        // Of one violation the sentence says it already.
        let details: Vec<&str> = details.filter(|detail| !words.contains(detail)).collect();
        if !details.is_empty() {
            words = format!("{words}: {}", details.join("; "));
        }
        if words.is_empty() { format!("the office answered {}", self.status) } else { words }
    }
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The office refused.
    #[error("{}", .0.in_words())]
    Refused(Problem),
    /// The office could not be reached, or the connection broke.
    #[error("the office does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The office accepted the connection, and then nothing moved for minutes.
    #[error("the office does not answer, though it can be reached")]
    Silent,
    /// The file to be sent cannot be read.
    #[error("the file cannot be read")]
    OwnFile(#[source] std::io::Error),
}

impl CallError {
    /// Wraps the fault of a file that was to be sent.
    pub const fn of_own_file(source: std::io::Error) -> Self {
        Self::OwnFile(source)
    }

    /// Says whether the same call may succeed a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
            Self::Unreachable(error) => !error.is_builder() && !error.is_redirect() && !self.is_about_trust(),
            Self::Silent => true,
            Self::OwnFile(_) => false,
        }
    }

    /// Says whether the office was reached, and its certificate is not trusted here.
    fn is_about_trust(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<rustls::Error>().is_some_and(|e| matches!(e, rustls::Error::InvalidCertificate(_)))
            {
                return true;
            }
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            cause = inner.map_or_else(|| error.source(), |inner| Some(inner));
        }
        false
    }

    /// Returns how long the office asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after_seconds.map(Duration::from_secs),
            _ => None,
        }
    }

    /// Says what is wrong while the call is made again, in words that fit on a line: the deepest cause is what a person can
    /// do something about, and the causes between name the address once more.
    pub fn in_passing(&self) -> String {
        format!("{self}{}", self.because())
    }

    /// Says what is wrong with the first word to an office, whose address may be wrong: what was asked, and the deepest cause.
    pub fn at_first(&self, remote: &Remote) -> String {
        let server = remote.server.as_deref().unwrap_or_default();
        match self {
            Self::Unreachable(_) if !self.is_about_trust() => {
                format!("no office answers at {server}{}; is it open, and is the address right?", self.because())
            }
            other => other.in_words(),
        }
    }

    /// Returns the deepest cause, in brackets.
    fn because(&self) -> String {
        let Self::Unreachable(source) = self else { return String::new() };
        let mut deepest: &dyn std::error::Error = source;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        format!(" ({deepest})")
    }

    /// Returns the whole chain in one line, with what to do about it where that is known.
    pub fn in_words(&self) -> String {
        if let Self::Refused(problem) = self
            && problem.status == 401
        {
            return "the office does not accept the token of CARTULARY_TOKEN; sign in again for a new one".to_owned();
        }
        if self.is_about_trust() {
            return "the certificate of the office is not trusted here; if its authority is the office's own, get it from \
                    `cartulary tls authority` and name it with --trust FILE"
                .to_owned();
        }
        match self {
            // The causes between name the address once more, each in words of its own.
            Self::Unreachable(_) => self.in_passing(),
            _ => cartulary_repository::error_chain(self),
        }
    }
}

/// A client of one office. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: SecretString,
    contact: Contact,
}

impl Client {
    /// Returns a client of the office that was named, or `None` when none was.
    ///
    /// # Errors
    /// The address is none, the certificate cannot be read, or there is no token.
    pub fn of(remote: &Remote) -> anyhow::Result<Option<Self>> {
        let Some(server) = &remote.server else { return Ok(None) };
        let url = Url::parse(server).with_context(|| format!("`{server}` is no address of an office"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("`{server}` is no address of an office: it begins with https:// or http://");
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            bail!("`{server}` is plain HTTP to another machine: the token could be read on the way; use https://");
        }
        let token = std::env::var("CARTULARY_TOKEN").unwrap_or_default();
        if token.is_empty() {
            bail!(
                "CARTULARY_TOKEN is not set; get one with\n\n    curl -s {}/api/v1/sessions -H 'Content-Type: \
                 application/json' -d '{{\"username\": \"…\", \"password\": \"…\"}}'\n",
                server.trim_end_matches('/')
            );
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("cartulary/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        if let Some(file) = &remote.trust {
            let pem = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("`{}` is no certificate", file.display()))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().context("cannot prepare the connection")?;
        let base = server.trim_end_matches('/').to_owned();
        Ok(Some(Self { http, base, token: token.into(), contact: Contact::new(GIVE_UP_AFTER) }))
    }

    /// Waits so long for an office that does not answer.
    pub fn waiting(self, give_up_after: Duration) -> Self {
        Self { contact: Contact::new(give_up_after), ..self }
    }

    /// Returns the contact with the office.
    pub const fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Returns a request to a path of the office.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.token.expose_secret())
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        self.call_with(request, self.contact.begin()).await
    }

    /// Sends a request whose body notes its bytes with the meter of `pulse`, and reads its answer. A body may take as long as
    /// it takes: only a call in which nothing moves any more is given up.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_with<T: DeserializeOwned>(&self, request: RequestBuilder, pulse: Pulse) -> Result<T, CallError> {
        let outcome = tokio::select! {
            outcome = read_answer(request) => outcome,
            () = pulse.silence() => Err(CallError::Silent),
        };
        if !outcome.as_ref().is_err_and(CallError::is_passing) {
            self.contact.is_well();
        }
        outcome
    }

    /// Sends JSON and reads JSON, once: for the first word with an office, whose address may be wrong.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, CallError> {
        let request = self.request(method, path);
        self.call(if let Some(body) = body { request.json(body) } else { request }).await
    }

    /// Sends JSON and reads JSON, again after pauses while the office cannot be reached.
    ///
    /// # Errors
    /// [`CallError`], when patience is at its end or the office refuses.
    pub async fn patiently<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, CallError> {
        let mut patience = Patience::new(&self.contact);
        loop {
            match self.once(method.clone(), path, body).await {
                Err(error) if error.is_passing() && patience.wait(&error.in_passing(), error.retry_after()).await => {}
                outcome => return outcome,
            }
        }
    }
}

async fn read_answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, CallError> {
    let answer = request.send().await.map_err(CallError::Unreachable)?;
    let status = answer.status();
    if status.is_success() {
        let body = answer.bytes().await.map_err(CallError::Unreachable)?;
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        return serde_json::from_slice(text).map_err(|_| refused(status, None, "its answer is not understood"));
    }
    let retry_after = answer.headers().get(reqwest::header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.bytes().await.map_err(CallError::Unreachable)?;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            Err(CallError::Refused(Problem { status: status.as_u16(), retry_after_seconds: retry_after, ..problem }))
        }
        Err(_) => Err(refused(status, retry_after, &format!("the office answered {status}"))),
    }
}

fn refused(status: StatusCode, retry_after_seconds: Option<u64>, words: &str) -> CallError {
    CallError::Refused(Problem {
        status: status.as_u16(),
        code: "unexpected_answer".to_owned(),
        title: words.to_owned(),
        detail: None,
        violations: Vec::new(),
        retry_after_seconds,
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_pass_through_a_query() {
        assert_eq!(query_value("a b/ä&c=d+e?.pdf"), "a%20b/%C3%A4%26c%3Dd%2Be%3F.pdf");
        assert_eq!(query_value_of_bytes(b"caf\xe9"), "caf%E9");
    }

    #[test]
    fn a_refusal_is_said_with_all_that_is_wrong() {
        let text = r#"{"status":422,"code":"invalid","title":"invalid","detail":"the name is wrong",
            "violations":[{"field":"name","code":"too_long","detail":"it has 600 characters"}]}"#;
        let problem: Result<Problem, _> = serde_json::from_str(text);
        assert_eq!(
            problem.map(|problem| problem.in_words()).ok().as_deref(),
            Some("the name is wrong: it has 600 characters")
        );
    }
}
