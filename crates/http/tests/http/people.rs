//! Users and groups, for administrators.

use actix_web::http::Method;
use serde_json::json;

use crate::office::Office;

#[actix_web::test]
async fn an_administrator_keeps_the_people() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let new = json!({ "username": "amal", "displayName": "Amal Haddad", "groups": ["staff"] });
    let amal = admin.post("/users", new).await.expect(201).json();
    assert_eq!(amal["displayName"], "Amal Haddad");
    assert!(amal["oneTimePassword"].as_str().unwrap().len() >= 12);
    admin.post("/users", json!({ "username": "Amal" })).await.problem(409, "name_taken");
    let id = amal["id"].as_str().unwrap();
    let got = admin.get(&format!("/users/{id}")).await.expect(200).json();
    assert_eq!((got["groups"].clone(), got["oneTimePassword"].is_null()), (json!(["staff"]), true));
    let changed = admin
        .ask(Method::PATCH, &format!("/users/{id}"))
        .if_match(&got)
        .json(json!({ "disabled": true }))
        .await
        .expect(200);
    assert_eq!(changed.json()["disabled"], true);
    let listed = admin.get("/users").await.expect(200).json();
    assert!(listed["items"].as_array().unwrap().iter().any(|user| user["username"] == "amal"));
    admin.get("/users/01890a5d-ac96-774b-bcce-b302099a8057").await.problem(404, "not_found");
}

#[actix_web::test]
async fn an_administrator_keeps_the_groups() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = admin.post("/users", json!({ "username": "amal" })).await.expect(201).json();
    let group = admin.post("/groups", json!({ "name": "scan-room" })).await.expect(201).json();
    let members = format!("/groups/{}/members", group["id"].as_str().unwrap());
    let changed = admin
        .ask(Method::PUT, &members)
        .if_match(&group)
        .json(json!({ "members": [amal["id"]] }))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["members"][0]["name"], "amal");
    let names: Vec<_> = admin.get("/groups").await.expect(200).json()["items"].as_array().unwrap().clone();
    assert!(names.iter().any(|group| group["name"] == "scan-room"));
}

#[actix_web::test]
async fn others_are_refused() {
    let office = Office::open().await;
    let amal = office.user("amal", &["staff"]).await;
    amal.get("/users").await.problem(403, "forbidden");
    amal.post("/users", json!({ "username": "other" })).await.problem(403, "forbidden");
    amal.post("/groups", json!({ "name": "other" })).await.problem(403, "forbidden");
}

#[actix_web::test]
async fn a_password_that_is_too_short_names_the_field_of_its_own_request() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let own = json!({ "currentPassword": "a long enough password", "newPassword": "short" });
    let refused = admin.ask(Method::PUT, "/users/me/password").json(own).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "newPassword");
    let refused =
        admin.post("/users", json!({ "username": "amal", "password": "short" })).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "password");
}

/// With a session that was left open, the password could be guessed by changing it.
#[actix_web::test]
async fn wrong_own_passwords_are_counted_as_those_of_signing_in() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let change = async |current: &str| {
        let form = json!({ "currentPassword": current, "newPassword": "a password of its own" });
        admin.ask(Method::PUT, "/users/me/password").json(form).await
    };
    for _ in 0..30 {
        let refused = change("guessed").await;
        if refused.status == 429 {
            refused.problem(429, "too_many_tries");
            return;
        }
        refused.problem(401, "wrong_credentials");
    }
    panic!("nobody counted");
}

#[actix_web::test]
async fn a_password_that_everybody_tries_first_is_refused() {
    let office = Office::open().await;
    let admin = office.admin().await;
    for password in ["12345678", "Password1", "qwertyui", "1qaz@WSX", "11223344", "q1w2e3r4", "football1"] {
        let own = json!({ "currentPassword": "a long enough password", "newPassword": password });
        let refused = admin.ask(Method::PUT, "/users/me/password").json(own).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["code"], "too_common", "{password}");
        let new = json!({ "username": "amal", "password": password });
        let refused = admin.post("/users", new).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], "password", "{password}");
    }
    let amal = admin.post("/users", json!({ "username": "amal" })).await.expect(201).json();
    let change = admin.ask(Method::PATCH, &format!("/users/{}", amal["id"].as_str().unwrap()));
    change.if_match(&amal).json(json!({ "password": "letmein1" })).await.problem(422, "invalid");
}

#[actix_web::test]
async fn who_bore_the_id_of_another_got_what_was_meant_for_them() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let eve = admin.post("/users", json!({ "username": "eve" })).await.expect(201).json();
    let id = eve["id"].as_str().unwrap();
    for name in [id.to_owned(), id.to_uppercase(), id.replace('-', "")] {
        admin.post("/users", json!({ "username": name })).await.problem(422, "invalid");
        admin.post("/groups", json!({ "name": name })).await.problem(422, "invalid");
    }
}

#[actix_web::test]
async fn a_display_name_looked_like_another() {
    let office = Office::open().await;
    let admin = office.admin().await;
    for odd in ["a\u{202e}gpj.exe", "\u{200b}\u{2060}", "Admin\u{ad}istrator"] {
        admin.post("/users", json!({ "username": "u1", "displayName": odd })).await.problem(422, "invalid");
    }
    admin.post("/users", json!({ "username": "adm\u{ad}in" })).await.problem(422, "invalid");
}

#[actix_web::test]
async fn a_display_name_showed_nothing() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let made = admin.post("/users", json!({ "username": "u1" })).await.expect(201).json();
    for blank in ["", " ", "\u{200d}\u{200c}", "\u{200e}\u{fe0f}", "\u{2800}"] {
        let new = json!({ "username": "u2", "displayName": blank });
        admin.post("/users", new).await.problem(422, "invalid");
        admin.post("/groups", json!({ "name": "g", "displayName": blank })).await.problem(422, "invalid");
        let path = format!("/users/{}", made["id"].as_str().unwrap());
        let refused = admin
            .ask(Method::PATCH, &path)
            .if_match(&made)
            .json(json!({ "displayName": blank }))
            .await
            .problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], "displayName");
    }
}

#[actix_web::test]
async fn a_user_bore_a_name_that_looks_like_that_of_another() {
    let office = Office::open().await;
    let admin = office.admin().await;
    admin.post("/groups", json!({ "name": "\u{643}\u{627}\u{62a}\u{628}" })).await.expect(201);
    for alike in ["Admin", "\u{ff41}\u{ff44}min", "ad\u{200d}min", "adm\u{131}n", "\u{6a9}\u{627}\u{62a}\u{628}"] {
        for (path, field) in [("/users", "username"), ("/groups", "name")] {
            admin.post(path, json!({ field: alike })).await.problem(409, "name_taken");
        }
    }
    // A figure for a letter is one sign for another; two letters for one are how people are called.
    admin.post("/users", json!({ "username": "O.Bell" })).await.expect(201);
    admin.post("/users", json!({ "username": "0.Bel1" })).await.problem(409, "name_taken");
    for surname in ["Stem", "Stern", "Clark", "Dark", "Wilson", "Vvilson"] {
        admin.post("/users", json!({ "username": surname })).await.expect(201);
    }
    admin.post("/users", json!({ "username": "\u{ff33}tern" })).await.problem(409, "name_taken");
    for mixed in ["\u{430}dmin", "s\u{430}mi", "\u{3c1}aul"] {
        admin.post("/users", json!({ "username": mixed })).await.problem(422, "invalid");
    }
    // Whole words of one script, and Latin beside Arabic, are names.
    for name in ["\u{430}\u{43d}\u{43d}\u{430}", "\u{633}\u{627}\u{645}\u{64a}", "sami \u{633}\u{627}\u{645}\u{64a}"] {
        admin.post("/users", json!({ "username": name })).await.expect(201);
    }
}

#[actix_web::test]
async fn two_administrators_overwrote_each_other_s_changes_of_a_user() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let made = admin.post("/users", json!({ "username": "amal" })).await.expect(201);
    let (amal, address) = (made.json(), made.header("location").to_owned());
    let path = address.strip_prefix("/api/v1").unwrap();
    let patch = || admin.ask(Method::PATCH, path);
    patch().json(json!({ "displayName": "A" })).await.problem(428, "precondition_required");
    let read = admin.get(path).await.expect(200);
    assert_eq!(made.header("etag").split('.').next(), read.header("etag").split('.').next());
    admin.ask(Method::GET, path).header("if-none-match", read.header("etag")).send().await.expect(304);
    // Each of these is a change: what one reads of the user, a group, and the password, of which one reads nothing.
    for change in
        [json!({ "displayName": "A" }), json!({ "groups": ["staff"] }), json!({ "password": "a long new one" })]
    {
        let before = admin.get(path).await.expect(200).header("etag").to_owned();
        let changed = patch().header("if-match", &before).json(change.clone()).await.expect(200);
        assert!(!changed.header("cartulary-transaction").is_empty());
        patch().header("if-match", &before).json(json!({ "disabled": true })).await.problem(412, "stale");
        patch().if_match(&changed.json()).json(json!({})).await.expect(200);
    }
    let stale = patch().if_match(&amal).json(json!({ "disabled": true })).await.problem(412, "stale");
    assert_eq!(
        (
            stale["current"]["displayName"].clone(),
            stale["current"]["groups"].clone(),
            stale["current"]["disabled"].clone()
        ),
        (json!("A"), json!(["staff"]), json!(false))
    );
    patch().header("if-match", "*").json(json!({ "disabled": true })).await.expect(200);
}

#[actix_web::test]
async fn two_administrators_overwrote_each_other_s_changes_of_a_group() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = admin.post("/users", json!({ "username": "amal" })).await.expect(201).json();
    let made = admin.post("/groups", json!({ "name": "scan-room" })).await.expect(201);
    let path = made.header("location").strip_prefix("/api/v1").unwrap().to_owned();
    let put = || admin.ask(Method::PUT, &format!("{path}/members"));
    put().json(json!({ "members": [] })).await.problem(428, "precondition_required");
    put().header("if-match", made.header("etag")).json(json!({ "members": [amal["id"]] })).await.expect(200);
    let stale = put().if_match(&made.json()).json(json!({ "members": [] })).await.problem(412, "stale");
    assert_eq!(stale["current"]["members"][0]["name"], "amal");
    // Who is put into a group from the group's side has been changed too.
    admin
        .ask(Method::PATCH, &format!("/users/{}", amal["id"].as_str().unwrap()))
        .if_match(&amal)
        .json(json!({ "groups": [] }))
        .await
        .problem(412, "stale");
    let read = admin.get(&path).await.expect(200);
    put().header("if-match", read.header("etag")).json(json!({ "members": [] })).await.expect(200);
    let listed = admin.get("/groups").await.expect(200).json();
    let group = listed["items"].as_array().unwrap().iter().find(|group| group["name"] == "scan-room").unwrap().clone();
    put().if_match(&group).json(json!({ "members": [amal["id"]] })).await.expect(200);
}

#[actix_web::test]
async fn a_repeated_request_made_people_and_imports_twice() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let post = |path: &str, key: &str, body| admin.ask(Method::POST, path).header("idempotency-key", key).json(body);
    let new = || json!({ "username": "amal" });
    let first = post("/users", "k1", new()).await.expect(201).json();
    let again = post("/users", "k1", new()).await.expect(201).json();
    assert_eq!((&again["id"], again["oneTimePassword"].is_null()), (&first["id"], true));
    let given = json!({ "username": "amal", "password": "a long password" });
    post("/users", "k1", given).await.problem(409, "idempotency_key_reused");
    post("/users", "k2", new()).await.problem(409, "name_taken");
    let group = post("/groups", "k3", json!({ "name": "scan-room" })).await.expect(201).json();
    let again = post("/groups", "k3", json!({ "name": "scan-room" })).await.expect(201).json();
    assert_eq!(again["id"], group["id"]);
    let import = post("/imports", "k4", json!({ "source": "archive" })).await.expect(201).json();
    let again = post("/imports", "k4", json!({ "source": "archive" })).await.expect(201).json();
    assert_eq!(again["id"], import["id"]);
    post("/imports", "k4", json!({ "source": "other" })).await.problem(409, "idempotency_key_reused");
    let other = post("/imports", "k5", json!({ "source": "archive" })).await.expect(201).json();
    assert_ne!(other["id"], import["id"]);
}

#[actix_web::test]
async fn a_group_gets_another_name_and_is_deleted_when_nothing_names_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let group = admin.post("/groups", json!({ "name": "scan-room" })).await.expect(201).json();
    let path = format!("/groups/{}", group["id"].as_str().unwrap());
    let amal = admin.post("/users", json!({ "username": "amal", "groups": ["scan-room"] })).await.expect(201).json();
    let dossier = admin.dossier("A").await;
    let acl = format!("/objects/{}/acl", dossier["id"].as_str().unwrap());
    let list = json!({ "entries": [{ "principal": "scan-room", "permission": "Read" }], "inherits": true });
    admin.ask(Method::PUT, &acl).header("if-match", "*").json(list).await.expect(200);

    let patch = |changes: serde_json::Value| admin.ask(Method::PATCH, &path).header("if-match", "*").json(changes);
    admin.ask(Method::PATCH, &path).json(json!({ "name": "b" })).await.problem(428, "precondition_required");
    admin.ask(Method::PATCH, &path).header("if-match", "\"1\"").json(json!({})).await.problem(412, "stale");
    patch(json!({ "name": "amal" })).await.problem(409, "name_taken");
    patch(json!({ "name": "" })).await.problem(422, "invalid");
    let renamed = patch(json!({ "name": "Scan-Hall" })).await.expect(200).json();
    assert_eq!((&renamed["name"], &renamed["displayName"]), (&json!("Scan-Hall"), &json!("Scan-Hall")));
    assert_eq!(renamed["members"][0]["id"], amal["id"]);
    patch(json!({ "name": "scan-hall", "displayName": "Hall" })).await.expect(200);
    // Lists go by what the group is.
    let named = admin.get(&acl).await.expect(200).json();
    assert_eq!(named["entries"][0]["principal"], "scan-hall", "{named}");

    let delete = |path: String| admin.ask(Method::DELETE, &path).header("if-match", "*").send();
    delete(path.clone()).await.problem(409, "group_in_use");
    let empty = json!({ "entries": [], "inherits": true });
    admin.ask(Method::PUT, &acl).header("if-match", "*").json(empty).await.expect(200);
    delete(path.clone()).await.expect(204);
    admin.get(&path).await.problem(404, "not_found");
    let user = admin.get(&format!("/users/{}", amal["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(user["groups"], json!([]));
    for built_in in ["administrators", "everyone"] {
        let all = admin.get("/groups").await.expect(200).json();
        let group = all["items"].as_array().unwrap().iter().find(|one| one["name"] == built_in).unwrap();
        let path = format!("/groups/{}", group["id"].as_str().unwrap());
        delete(path.clone()).await.problem(409, "built_in_group");
        let rename = admin.ask(Method::PATCH, &path).header("if-match", "*").json(json!({ "name": "other" }));
        rename.await.problem(409, "built_in_group");
    }
}
