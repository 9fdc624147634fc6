//! What is outside the API: health, metrics, headers, the web application.

use std::io::Write;
use std::sync::Arc;

use actix_web::test::TestRequest;
use cartulary_http::{WebFile, WebUi};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::office::{Office, Reply};

async fn get(office: &Office, path: &str) -> Reply {
    office.send(TestRequest::get().uri(path)).await
}

#[actix_web::test]
async fn health_has_reasons_for_this_machine() {
    let office = Office::open_with(|parts| parts.config.trusted_proxies = vec!["10.0.0.7".into()]).await;
    assert_eq!(get(&office, "/health/live").await.expect(200).json()["status"], "live");
    let ready = get(&office, "/health/ready").await;
    let checks = ready.json()["checks"].as_array().unwrap().clone();
    assert!(
        checks.iter().any(|check| check["name"] == "database" && check["ok"] == true && check["reason"].is_string())
    );
    let afar = TestRequest::get()
        .uri("/health/ready")
        .peer_addr("10.0.0.7:1".parse().unwrap())
        .insert_header(("x-forwarded-proto", "https"))
        .insert_header(("x-forwarded-for", "192.168.1.5"));
    let checks = office.send(afar).await.json()["checks"].as_array().unwrap().clone();
    assert!(checks.iter().all(|check| check["reason"].is_null()));
}

#[actix_web::test]
async fn metrics_count_by_route() {
    let office = Office::open().await;
    office.admin().await.get("/dossiers/01890a5d-ac96-774b-bcce-b302099a8057").await.expect(404);
    let metrics = get(&office, "/metrics").await.expect(200);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let counted = text.lines().any(|line| {
        line.starts_with("cartulary_http_requests_total{")
            && line.contains("route=\"/api/v1/dossiers/{id}\"")
            && line.contains("status=\"404\"")
    });
    assert!(counted, "{text}");
    assert!(text.contains("cartulary_http_request_duration_seconds_bucket"), "{text}");
}

#[actix_web::test]
async fn metrics_tell_of_log_index_jobs_and_store() {
    let office = Office::open().await;
    office.admin().await.dossier("A").await;
    let text = String::from_utf8(get(&office, "/metrics").await.expect(200).body.to_vec()).unwrap();
    // The recorder is the process's, and another office of these tests may have written last: no figure is sure.
    let figures = ["cartulary_log_position ", "cartulary_index_position ", "cartulary_store_free_bytes "];
    let by_label = ["cartulary_jobs{state=\"waiting\"} ", "cartulary_jobs{state=\"dead\"} "];
    for name in figures.iter().chain(&by_label).chain(&["cartulary_store_failures_total{kind=\"corrupt\"} "]) {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    assert!(text.contains("\ncartulary_database_up 1\n"), "{text}");
    let named: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE cartulary_")).collect();
    let helped = text.lines().filter(|line| line.starts_with("# HELP cartulary_")).count();
    assert_eq!(helped, named.len(), "{text}");
}

#[actix_web::test]
async fn metrics_are_for_this_machine_or_the_token() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "sesame\n").unwrap();
    let office = Office::open_with(|parts| {
        parts.config.metrics_token_file = Some(token.path().to_owned());
        parts.config.trusted_proxies = vec!["10.0.0.7".into()];
    })
    .await;
    let ask = |given: Option<&str>| {
        let request = TestRequest::get().uri("/metrics").peer_addr("10.0.0.7:1".parse().unwrap());
        let request =
            request.insert_header(("x-forwarded-proto", "https")).insert_header(("x-forwarded-for", "192.168.1.5"));
        given
            .into_iter()
            .fold(request, |request, token| request.insert_header(("authorization", format!("Bearer {token}"))))
    };
    office.send(ask(None)).await.problem(404, "not_found");
    office.send(ask(Some("wrong"))).await.problem(404, "not_found");
    office.send(ask(Some("sesame"))).await.expect(200);
}

#[actix_web::test]
async fn every_answer_bears_the_headers_of_caution() {
    let office = Office::open().await;
    for path in ["/api/v1/types", "/api/v1/nothing", "/health/live", "/", "/api/v1/openapi.json"] {
        let reply = get(&office, path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!reply.header("referrer-policy").is_empty() && !reply.header("x-request-id").is_empty(), "{path}");
        assert!(!reply.header("cache-control").is_empty(), "{path}");
        assert_eq!(reply.header("strict-transport-security"), "", "{path}: not over plain HTTP");
    }
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

struct Built;

impl WebUi for Built {
    fn file(&self, path: &str) -> Option<WebFile> {
        let (text, media_type) = match path {
            "index.html" => ("<script nonce=\"__CSP_NONCE__\"></script>", "text/html; charset=utf-8"),
            "assets/index-1a2b.js" => ("hello()", "text/javascript; charset=utf-8"),
            "favicon.svg" => ("<svg/>", "image/svg+xml"),
            _ => return None,
        };
        let is_asset = path.starts_with("assets/");
        Some(WebFile {
            // What is held compressed is not held plain.
            bytes: (!is_asset).then(|| text.into()),
            brotli: is_asset.then(|| "brotli".into()),
            gzip: is_asset.then(|| gzipped(text).into()),
            media_type: media_type.into(),
            tag: "t1".into(),
        })
    }
}

#[actix_web::test]
async fn the_application_answers_for_every_address_of_its_own() {
    let office = Office::open_with(|parts| parts.web_ui = Some(Arc::new(Built))).await;
    let mut nonces = Vec::new();
    for path in ["/", "/index.html", "/dossiers/01890a5d-ac96-774b-bcce-b302099a8057"] {
        let page = get(&office, path).await.expect(200);
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        let nonce = html.split('"').nth(1).unwrap().to_owned();
        assert!(
            page.header("content-security-policy")
                .contains(&format!("script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval';"))
        );
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!nonces.contains(&nonce), "a nonce is used once");
        nonces.push(nonce);
    }
    get(&office, "/assets/gone-1a2b.js").await.problem(404, "not_found");
}

#[actix_web::test]
async fn files_of_the_application_are_kept_and_come_compressed() {
    let office = Office::open_with(|parts| parts.web_ui = Some(Arc::new(Built))).await;
    let plain = get(&office, "/assets/index-1a2b.js").await.expect(200);
    assert_eq!((plain.body.as_ref(), plain.header("content-encoding")), (b"hello()".as_ref(), ""));
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(plain.header("content-security-policy").contains("'wasm-unsafe-eval'"), "workers take their file's policy");
    for (accepted, encoding) in
        [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", "")]
    {
        let request = TestRequest::get().uri("/assets/index-1a2b.js").insert_header(("accept-encoding", accepted));
        assert_eq!(office.send(request).await.expect(200).header("content-encoding"), encoding, "{accepted}");
    }
    let icon = get(&office, "/favicon.svg").await.expect(200);
    assert_eq!(icon.header("cache-control"), "no-cache");
    let known = TestRequest::get().uri("/favicon.svg").insert_header(("if-none-match", icon.header("etag").to_owned()));
    office.send(known).await.expect(304);
}

#[actix_web::test]
async fn without_the_application_a_page_says_how_to_build_it() {
    let office = Office::open().await;
    let page = get(&office, "/").await.expect(200);
    assert!(String::from_utf8_lossy(&page.body).contains("scripts/start"));
}
