//! Nobody comes in unasked: credentials, cookies, other sites' pages, first passwords, plain HTTP, rates.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::office::{Office, PASSWORD};

/// A path of the document with its places filled.
fn filled(path: &str) -> String {
    path.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057").replace("{hex}", &"0".repeat(64))
}

#[actix_web::test]
async fn every_route_asks_who_is_there_as_its_description_says() {
    let office = Office::open().await;
    let document = cartulary_http::openapi::document(&[]);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let is_public = operation["security"].as_array().unwrap().is_empty();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = TestRequest::default().method(method.clone()).uri(&filled(path));
            let reply = office.send(request).await;
            if is_public {
                assert_ne!(reply.status, 401, "{method} {path}");
                assert_ne!(reply.status, 404, "{method} {path}");
            } else {
                reply.problem(401, "unauthenticated");
            }
        }
    }
}

#[actix_web::test]
async fn a_wrong_token_is_nobodys() {
    let office = Office::open().await;
    for value in ["Bearer wrong", "Basic YWRtaW46eA==", "Bearer", ""] {
        let request = TestRequest::get().uri("/api/v1/types").insert_header(("authorization", value));
        let reply = office.send(request).await;
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        reply.problem(401, "unauthenticated");
    }
}

#[actix_web::test]
async fn a_bearer_signs_in_and_out() {
    let office = Office::open().await;
    let credentials = json!({ "username": "ADMIN", "password": PASSWORD });
    let reply = office.send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials)).await.expect(201);
    assert_eq!(reply.header("set-cookie"), "");
    let body = reply.json();
    assert!(body["csrfToken"].is_null());
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(body["user"]["username"], "admin");
    assert_eq!(body["user"]["administrator"], true);
    let client = office.admin().await;
    assert_eq!(client.get("/sessions/current").await.expect(200).json()["user"]["username"], "admin");
    client.ask(Method::DELETE, "/sessions/current").send().await.expect(204);
    client.get("/sessions/current").await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_stranger_sends_little() {
    let office = Office::open().await;
    let credentials = json!({ "username": "x".repeat(20_000), "password": "y" });
    office
        .send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials))
        .await
        .problem(413, "payload_too_large");
}

#[actix_web::test]
async fn wrong_credentials_are_refused_alike() {
    let office = Office::open().await;
    for (username, password) in [("admin", "wrong"), ("nobody", PASSWORD), ("system", PASSWORD)] {
        let credentials = json!({ "username": username, "password": password });
        let reply = office.send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials)).await;
        reply.problem(401, "wrong_credentials");
    }
}

/// A browser: its cookie, and the token that unsafe requests repeat.
async fn browser(office: &Office) -> (String, String) {
    let credentials = json!({ "username": "admin", "password": PASSWORD, "cookie": true });
    let reply = office.send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials)).await.expect(201);
    let set = reply.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    assert!(!set.contains("Secure"), "plain HTTP on this machine: {set}");
    let body = reply.json();
    assert!(body["token"].is_null(), "a browser's token never stands where scripts read it");
    (set.split(';').next().unwrap().to_owned(), body["csrfToken"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn a_browser_repeats_its_token_on_unsafe_requests() {
    let office = Office::open().await;
    let (cookie, csrf) = browser(&office).await;
    let get = TestRequest::get().uri("/api/v1/sessions/current").insert_header(("cookie", cookie.clone()));
    assert_eq!(office.send(get).await.expect(200).json()["csrfToken"], csrf);
    let post = |headers: &[(&'static str, &str)]| {
        let mut request = TestRequest::post().uri("/api/v1/dossiers").insert_header(("cookie", cookie.clone()));
        for (name, value) in headers {
            request = request.insert_header((*name, value.to_string()));
        }
        request.set_json(json!({ "name": "A" }))
    };
    office.send(post(&[])).await.problem(403, "csrf_refused");
    office.send(post(&[("x-csrf-token", "wrong")])).await.problem(403, "csrf_refused");
    let token = ("x-csrf-token", csrf.as_str());
    office.send(post(&[token, ("sec-fetch-site", "cross-site")])).await.problem(403, "csrf_refused");
    office
        .send(post(&[token, ("origin", "https://evil.example"), ("host", "office")]))
        .await
        .problem(403, "csrf_refused");
    office.send(post(&[token, ("origin", "null"), ("host", "office")])).await.problem(403, "csrf_refused");
    let own = [token, ("origin", "http://office:8480"), ("host", "office:8480"), ("sec-fetch-site", "same-origin")];
    office.send(post(&own)).await.expect(201);
}

#[actix_web::test]
async fn a_cookies_secret_is_worth_nothing_as_a_bearers() {
    let office = Office::open().await;
    let (cookie, _) = browser(&office).await;
    let secret = cookie.split_once('=').unwrap().1;
    let stolen = TestRequest::get().uri("/api/v1/types").insert_header(("authorization", format!("Bearer {secret}")));
    office.send(stolen).await.problem(401, "unauthenticated");
    let token = office.admin().await.token;
    let planted =
        TestRequest::get().uri("/api/v1/types").insert_header(("cookie", format!("cartulary_session={token}")));
    office.send(planted).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_page_elsewhere_cannot_sign_a_browser_in() {
    let office = Office::open().await;
    let credentials = json!({ "username": "admin", "password": PASSWORD, "cookie": true });
    let request = TestRequest::post().uri("/api/v1/sessions").insert_header(("sec-fetch-site", "cross-site"));
    office.send(request.set_json(credentials)).await.problem(403, "csrf_refused");
}

#[actix_web::test]
async fn a_first_password_opens_only_the_door_to_another() {
    let office = Office::open().await;
    let made = office.admin().await.post("/users", json!({ "username": "amal" })).await.expect(201).json();
    let first = made["oneTimePassword"].as_str().unwrap();
    let credentials = json!({ "username": "amal", "password": first });
    let signed_in =
        office.send(TestRequest::post().uri("/api/v1/sessions").set_json(credentials)).await.expect(201).json();
    assert_eq!(signed_in["mustChangePassword"], true);
    let amal = crate::office::Client { office: &office, token: signed_in["token"].as_str().unwrap().to_owned() };
    amal.get("/dossiers").await.problem(403, "password_change_required");
    amal.get("/sessions/current").await.expect(200);
    let change = |current: &str, new: &str| json!({ "currentPassword": current, "newPassword": new });
    let put = || amal.ask(Method::PUT, "/users/me/password");
    put().json(change("wrong", PASSWORD)).await.problem(401, "wrong_credentials");
    put().json(change(first, "short")).await.problem(422, "invalid");
    put().json(change(first, PASSWORD)).await.expect(204);
    amal.get("/dossiers").await.expect(200);
}

#[actix_web::test]
async fn plain_http_is_for_this_machine() {
    let office = Office::open_with(|parts| parts.config.trusted_proxies = vec!["10.0.0.7".into()]).await;
    let ask = |peer: &str, headers: &[(&'static str, &'static str)]| {
        let mut request = TestRequest::get().uri("/health/live").peer_addr(peer.parse().unwrap());
        for header in headers {
            request = request.insert_header(*header);
        }
        request
    };
    office.send(ask("127.0.0.1:9", &[])).await.expect(200);
    let refused = office.send(ask("192.168.1.5:9", &[])).await;
    assert!(refused.header("upgrade").starts_with("TLS"));
    let problem = refused.problem(426, "https_required");
    assert!(problem["detail"].as_str().unwrap().contains("cartulary serve --tls"), "{problem}");
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.168.1.5")];
    office.send(ask("192.168.1.5:9", &forwarded)).await.problem(426, "https_required");
    let proxied = office.send(ask("10.0.0.7:9", &forwarded)).await.expect(200);
    assert!(proxied.header("strict-transport-security").starts_with("max-age"));
    office.send(ask("10.0.0.7:9", &[("x-forwarded-proto", "http")])).await.problem(426, "https_required");
}

#[actix_web::test]
async fn who_asks_too_often_waits() {
    let office = Office::open_with(|parts| {
        parts.config.requests_per_second = 1;
        parts.config.request_burst = 2;
        parts.config.trusted_proxies = vec!["10.0.0.7".into()];
    })
    .await;
    let ask = |client: &'static str| {
        TestRequest::get()
            .uri("/health/live")
            .peer_addr("10.0.0.7:9".parse().unwrap())
            .insert_header(("x-forwarded-proto", "https"))
            .insert_header(("x-forwarded-for", client))
    };
    office.send(ask("192.168.1.5")).await.expect(200);
    office.send(ask("192.168.1.5")).await.expect(200);
    let refused = office.send(ask("192.168.1.5")).await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(429, "too_many_requests");
    office.send(ask("192.168.1.6")).await.expect(200);
}

#[actix_web::test]
async fn sign_ins_are_counted_apart() {
    let office = Office::open_with(|parts| parts.config.sign_in_burst = 1).await;
    let sign_in = || TestRequest::post().uri("/api/v1/sessions").set_json(json!({ "username": "x", "password": "y" }));
    office.send(sign_in()).await.problem(401, "wrong_credentials");
    office.send(sign_in()).await.problem(429, "too_many_requests");
    office.send(TestRequest::get().uri("/health/live")).await.expect(200);
}
