//! An office for one test: its own folder, database and store; and a client of it.

use std::rc::Rc;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web::Bytes};
use cartulary_http::{AppState, HttpConfig, Parts, configure};
use cartulary_model::TypeFile;
use cartulary_repository::{
    BackupSettings, Module, NewBackupTarget, NewUser, Repository, RepositoryConfig, ShelfConfig, WebhookRules,
};
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub const PASSWORD: &str = "a long enough password";

/// Lets what the office does beside its answers go on, on the one thread that a test has. A question costs some thousand
/// steps of it, so that asking at each step would leave it no time.
pub async fn let_work_go_on() {
    for _ in 0..1_000 {
        actix_web::rt::task::yield_now().await;
    }
}

/// Answers one request of an office.
type Answering = Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

pub struct Office {
    pub repository: Repository,
    pub state: AppState,
    pub folder: TempDir,
    /// Made with the first request: all routes take 30 ms to be put together.
    answering: OnceCell<Answering>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts the status and returns the answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts a problem with this status and code, and returns it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let reply = self.expect(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let body = reply.json();
        assert_eq!((body["code"].as_str(), body["status"].as_u64()), (Some(code), Some(u64::from(status))), "{body}");
        assert_eq!(body["requestId"], reply.header("x-request-id"));
        body
    }
}

impl Office {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Parts)) -> Self {
        Self::open_of(TypeFile::default(), WebhookRules::default(), Vec::new(), change).await
    }

    /// Opens an office that declares types of its own, as the TOML text says.
    pub async fn open_of_types(types: &str) -> Self {
        Self::open_of(TypeFile::parse(types).unwrap(), WebhookRules::default(), Vec::new(), |_| {}).await
    }

    /// Opens an office that sends webhooks.
    pub async fn open_sending(webhooks: WebhookRules, change: impl FnOnce(&mut Parts)) -> Self {
        Self::open_of(TypeFile::default(), webhooks, Vec::new(), change).await
    }

    /// Opens an office with modules, which sends webhooks.
    pub async fn open_of_modules(modules: Vec<Module>, webhooks: WebhookRules) -> Self {
        Self::open_of(TypeFile::default(), webhooks, modules, |_| {}).await
    }

    async fn open_of(
        office_types: TypeFile,
        webhooks: WebhookRules,
        modules: Vec<Module>,
        change: impl FnOnce(&mut Parts),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = RepositoryConfig {
            database: serde_json::from_value(json!({ "sqlite": { "path": at("office.sqlite"), "readers": 2 } }))
                .unwrap(),
            store: serde_json::from_value(json!({ "kind": "folder", "path": at("blobs"), "reserveBytes": 0 })).unwrap(),
            index_dir: at("index"),
            work_dir: at("work"),
            worker: None,
            job_workers: 1,
            session_hours: 12,
            garbage_grace_ms: 1_000,
            trash_keep_ms: 0,
            office_types,
            webhooks,
            backup: Self::backup_settings(&folder),
        };
        let repository = Repository::open(config, modules).await.unwrap();
        assert_eq!(repository.ensure_administrator(Some(PASSWORD.to_owned())).await.unwrap(), None);
        let mut parts = Parts { config: HttpConfig::default(), ..Parts::default() };
        change(&mut parts);
        let state = AppState::new(repository.clone(), parts).unwrap();
        Self { repository, state, folder, answering: OnceCell::new() }
    }

    fn backup_settings(folder: &TempDir) -> BackupSettings {
        BackupSettings { config_dir: folder.path().join("config"), ..BackupSettings::default() }
    }

    /// Sets up that backups go into a folder of the test.
    pub async fn set_up_backups(&self, name: &str) {
        let new = NewBackupTarget {
            name: name.to_owned(),
            shelf: ShelfConfig::Folder { path: self.folder.path().join("shelf") },
            every_hours: 0,
            bytes_per_second: 0,
            keep: 1,
            passphrase: None,
        };
        Self::backup_settings(&self.folder).set_up(new, self.folder.path()).await.unwrap();
    }

    async fn answering(&self) -> Answering {
        let app = Rc::new(init_service(App::new().configure(configure(self.state.clone()))).await);
        Box::new(move |request| {
            let app = Rc::clone(&app);
            Box::pin(async move { call_service(&*app, request.to_request()).await.map_into_boxed_body() })
        })
    }

    pub async fn send(&self, request: TestRequest) -> Reply {
        let answering = self.answering.get_or_init(|| self.answering()).await;
        let response = answering(request).await;
        let asked = (response.request().method().clone(), response.request().path().to_owned());
        let (status, headers) = (response.status(), response.headers().clone());
        let reply = Reply { status, headers, body: read_body(response).await };
        crate::truth::check(&asked.0, &asked.1, &reply);
        reply
    }

    /// Signs in and returns a client with a bearer's token.
    pub async fn client(&self, username: &str) -> Client<'_> {
        let credentials = json!({ "username": username, "password": PASSWORD });
        let request = TestRequest::post().uri("/api/v1/sessions").set_json(credentials);
        let answer = self.send(request).await.expect(201).json();
        Client { office: self, token: answer["token"].as_str().unwrap().to_owned() }
    }

    pub async fn admin(&self) -> Client<'_> {
        self.client("admin").await
    }

    /// Makes a user with a password of its own and returns its client.
    pub async fn user(&self, username: &str, groups: &[&str]) -> Client<'_> {
        let first = "the first password";
        let new = NewUser {
            username: username.to_owned(),
            password: Some(first.to_owned()),
            groups: groups.iter().map(ToString::to_string).collect(),
            ..NewUser::default()
        };
        self.repository.system_session().user_create(new).await.unwrap();
        let credentials = json!({ "username": username, "password": first });
        let signed_in =
            self.send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials)).await.expect(201).json();
        let client = Client { office: self, token: signed_in["token"].as_str().unwrap().to_owned() };
        let change = json!({ "currentPassword": first, "newPassword": PASSWORD });
        client.ask(Method::PUT, "/users/me/password").json(change).await.expect(204);
        self.client(username).await
    }
}

pub struct Client<'office> {
    pub office: &'office Office,
    pub token: String,
}

/// A request under construction.
pub struct Asking<'client> {
    office: &'client Office,
    request: TestRequest,
}

impl Client<'_> {
    pub fn ask(&self, method: Method, path: &str) -> Asking<'_> {
        self.ask_at(method, &format!("/api/v1{path}"))
    }

    /// Asks at any path of the office. A client without a token sends no credentials.
    pub fn ask_at(&self, method: Method, uri: &str) -> Asking<'_> {
        let mut request = TestRequest::default().method(method).uri(uri);
        if !self.token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {}", self.token)));
        }
        Asking { office: self.office, request }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path).json(body).await
    }

    /// Makes a dossier and returns its detail.
    pub async fn dossier(&self, name: &str) -> Value {
        self.post("/dossiers", json!({ "name": name })).await.expect(201).json()
    }

    /// Files a document with these bytes and returns its detail.
    pub async fn document(&self, dossier: &Value, name: &str, bytes: &[u8]) -> Value {
        let form = Form::new().file("content", name, "application/octet-stream", bytes);
        let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
        self.ask(Method::POST, &path).form(form).await.expect(201).json()
    }
}

impl Asking<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.insert_header((name, value));
        self
    }

    /// Takes the change token of `object` as the state that is changed.
    pub fn if_match(self, object: &Value) -> Self {
        let etag = format!("\"{}\"", object["changeToken"].as_str().unwrap());
        self.header("if-match", &etag)
    }

    pub async fn json(self, body: Value) -> Reply {
        self.office.send(self.request.set_json(body)).await
    }

    pub async fn form(self, form: Form) -> Reply {
        let (media_type, body) = form.finish();
        self.office.send(self.request.insert_header(("content-type", media_type)).set_payload(body)).await
    }

    pub async fn bytes(self, body: &[u8]) -> Reply {
        self.office.send(self.request.set_payload(body.to_vec())).await
    }

    pub async fn send(self) -> Reply {
        self.office.send(self.request).await
    }
}

/// A form as browsers send it.
pub struct Form(Vec<u8>);

const BOUNDARY: &str = "----cartulary";

impl Form {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self
    }

    pub fn file(mut self, name: &str, file_name: &str, media_type: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             content-type: {media_type}\r\n\r\n"
        );
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn finish(mut self) -> (String, Vec<u8>) {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.0)
    }
}
